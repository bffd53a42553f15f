# A store that refuses one object, one that has moved in mid-run, and one that was emptied: exit codes and words.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"

end_of() { find "$1" -name '*.end.json' | wc -l | tr -d ' '; }

# One pack's name is taken: all else arrives, also what comes after it in other journals.
for run in sample odd; do "$writer" runs "$run"; done
pack=$(find runs/odd -name '*.parquet')
journal=$(dirname "$(dirname "$pack")")
taken=store/project=cli/run_id=odd/rank=00000/${journal##*-}-$(basename "$pack")
mkdir -p "$(dirname "$taken")"
echo 'other bytes' >"$taken"
run 4 "$recover" --store "$PWD/store" runs
has "$err" "$(basename "$taken")" 'other bytes'
grep -qE '^odd .* waiting ' "$err" || fail 'odd waits'
grep -qE '^sample .* shipped ' "$err" || fail 'sample is shipped'
equal "$(end_of store)" 1
run 0 "$runlog" ls runs
has "$err" '1 object is refused by the store' "$(basename "$taken")"
run 0 "$runlog" stat runs/odd
has "$out" refused "$(basename "$taken")"
run 0 "$runlog" ls --json runs/odd
has "$out" '"refused":"1 object'
rm "$taken"
run 0 "$recover" --store "$PWD/store" runs
equal "$(end_of store)" 2
run 0 "$runlog" ls runs
lacks "$out" 'refused by'
run 0 "$runlog" verify store

# A job is killed after its store has gone; part of it is there, part is here.
mkfifo commands
RUNLOG_STORE=$PWD/old RUNLOG_SHIP_INTERVAL=100ms "$writer" moved live <commands >answers &
exec 3>commands
until [[ -n $(find old -name '*.parquet' 2>/dev/null) ]]; do :; done
mv old away
echo 'no directory' >old
echo step >&3
until (($(lines answers) >= 2)); do :; done
echo kill >&3
exec 3>&-
wait || true
run 4 "$recover" moved
run 0 "$recover" --store "$PWD/new" moved
run 0 "$runlog" verify new
run 0 "$runlog" cat new --name train/loss
(($(lines "$out") >= 11)) || fail 'the new store has all steps'
run 0 "$recover" moved
has "$err" 'had been finished before'

# Emptied: asked for once more, from the copies kept here.
rm -r new && mkdir new
run 0 "$recover" moved
equal "$(end_of new)" 0
run 0 "$recover" --again moved
run 0 "$runlog" verify new
equal "$(end_of new)" 1

# Without copies what is missing is said, and no end claims to be one.
run 0 "$runlog" clean moved
rm -r new && mkdir new
run 4 "$recover" --again moved
has "$err" "$PWD/new" 'lacks all records' 'end.json waits'
equal "$(end_of new)" 0
run 4 "$recover" moved

# When nobody has it, that is told once, counted, and the journal is finished.
run 3 "$recover" --accept-missing moved
has "$err" 'shipped'
equal "$(end_of new)" 1
grep -qE '"records_lost": ?[1-9]' "$(find new -name '*.end.json')" || fail 'the end tells what is lost'
run 0 "$recover" moved
has "$err" 'had been finished before'
