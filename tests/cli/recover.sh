# runlog-recover: a killed writer's records arrive once; exit codes 0, 1, 3 and 4.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"
export RUNLOG_STORE=$PWD/store

"$writer" runs crash || true
RUNLOG_RANK=1 "$writer" runs crash || true

run 4 "$recover" --dry-run runs
[[ ! -e store ]] || [[ -z $(find store -name '*.parquet') ]] || fail '--dry-run ships'

# The table, on stderr; stdout stays empty.
run 0 "$recover" runs
equal "$(lines "$out")" 0
has "$err" RUN KEPT SHIPPED RESULT crashed shipped
grep -qE '^crash +0 +1 +49 +20.*Z +5[0-9] +0 +0 ' "$err" || fail 'the row of rank 0'
run 0 "$runlog" cat store --rank 0 --name train/loss
equal "$(lines "$out")" 50
run 0 "$runlog" cat store --rank 1 --name train/loss
equal "$(lines "$out")" 50

# Again: nothing to do, nothing twice.
run 0 "$recover" --json runs
has "$out" '"verdict":"shipped"' '"state":"crashed"' '"records_kept":0'
run 0 "$runlog" cat store --name train/loss
equal "$(lines "$out")" 100

# --run chooses; a root that is missing does not keep the others waiting.
"$writer" more crash || true
run 0 "$recover" --run 'other*' more
run 1 "$recover" missing more
has "$err" 'runlog-recover: ' missing shipped

# Damage: the rest is shipped, and said to be damaged.
"$writer" hurt crash || true
segment=$(find hurt -name '*.seg' -size +0 | sort | head -1)
at=$(LC_ALL=C grep -abo 'train/loss' "$segment" | head -1 | cut -d: -f1)
overwrite "$segment" $((at + 600)) XXXXXXXX
run 3 "$recover" -v hurt
has "$err" 'lost' 'bytes ['

# A store that cannot be written: all stays on disk.
"$writer" stuck crash || true
touch file
run 4 "$recover" --timeout 1 --store "$PWD/file/below" stuck
has "$err" waiting
run 4 "$recover" --quiet --timeout 1 --store "$PWD/file/below" stuck
has "$err" waiting
run 4 "$recover" --timeout 1 --store "$PWD/file/below" stuck missing # 4 goes before 1
run 0 "$recover" --quiet stuck
equal "$(lines "$err")" 0

# A journal of a later format is not taken for a damaged one.
"$writer" later crash || true
sed -i 's/"version":1,/"version":2,/' later/*/*/meta.json
before=$(find later -type f -exec sha256sum {} + | sort)
run 4 "$recover" later
has "$err" 'version 2' waiting
equal "$(find later -type f -exec sha256sum {} + | sort)" "$before"

# A live journal is left alone and does not count.
mkfifo commands
"$writer" alive live <commands >answers &
exec 3>commands
until [[ -s answers ]]; do :; done
run 0 "$recover" -v alive
has "$err" live
echo kill >&3
exec 3>&-
wait || true
run 0 "$recover" alive
has "$err" shipped

# A closed stdout does not stop it.
"$writer" deaf crash || true
"$recover" --json -q deaf 2>"$err" | true
[[ -z $(find deaf -name '*.seg' -path '*lanes*' -newer answers) ]] || run 0 "$recover" deaf
