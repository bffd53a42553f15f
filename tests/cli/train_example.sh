# docs/examples/train, killed in mid-step and recovered: what it had counted is there, and the count
# itself notices a record that is missing, doubled or out of order.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"
train=$RUNLOG_EXAMPLES/train
[[ -x $train ]] || { echo "the examples were not built"; exit 77; }
text=/usr/share/common-licenses/GPL-3
[[ -r $text ]] || text=$RUNLOG_SOURCE/docs/format.md

# hold ACKNOWLEDGED RECORDS: as tools/quickstart does.
hold() { tr -d '\0' <"$1" | awk -f "$RUNLOG_SOURCE/tools/count_acknowledged.awk" - "$2"; }

code=0
RUNLOG_SHIP_INTERVAL=100ms "$train" --root runs --kill-at-step 60 --checkpoint-every 25 --acknowledged counted "$text" \
  >"$out" 2>"$err" || code=$?
equal "$code" 137 'not killed by SIGKILL'
run 0 "$recover" runs --store store
has "$err" crashed
"$runlog" cat --json store >records
run 0 hold counted records
last=$(tail -n 1 "$out")
[[ $last =~ ^quickstart:\ acknowledged\ ([0-9]+),\ recovered\ ([0-9]+),\ lost\ 0$ ]] || fail "$last"
((BASH_REMATCH[1] >= 59 * 34)) || fail 'too few were counted'  # 32 windows, loss and norm per step
has "$out" 'metric worker/3/window_loss' 'metric val/loss' '2  file '

grep -n '"name":"train/loss"' records | cut -d: -f1 >at
line=$(sed -n 30p at)
sed "${line}d" records >missing
run 1 hold counted missing
has "$out" 'near step' 'lost 1'
sed "${line}p" records >doubled
run 1 hold counted doubled
grep -v '"kind":"param"' records >without_params
run 1 hold counted without_params
has "$out" 'lost 9'

# Left alone it ends by itself.
run 0 "$train" --root whole --store whole.store --steps 20 --threads 1 --checkpoint-every 20 "$text"
run 0 "$runlog" cat whole.store --kind file
has "$out" checkpoint/20
run 0 "$runlog" ls whole
has "$out" complete
run 2 "$train" --steps none
run 1 "$train" no_such_text
