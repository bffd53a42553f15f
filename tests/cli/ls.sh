# ls: every journal with its state, records and last step; JSON; the default path; nothing there.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"

"$writer" runs sample
"$writer" runs odd
RUNLOG_RANK=1 "$writer" runs sample
"$writer" runs crash || true

run 0 "$runlog" ls runs
has "$out" RUN STATE sample complete odd failed 'out of memory' crash crashed
equal "$(lines "$out")" 5 'a heading and four journals'
grep -qE '^crash +0 +1 +crashed +5[0-9] +49 ' "$out" || fail 'the crashed run has lost records'

# A directory and a run inside it are paths as well.
run 0 "$runlog" ls runs/odd
equal "$(lines "$out")" 2

run 0 "$runlog" ls --json runs
equal "$(lines "$out")" 4
has "$out" '"run":"sample"' '"state":"failed"' '"last_step":49' '"rank":1'
needs jq jq
jq -e .path "$out" >/dev/null || fail 'not JSON'

# What waits is what was written, not the room made for it.
run 0 "$runlog" ls --json runs/crash
waiting=$(sed -E 's/.*"bytes_waiting":([0-9]+).*/\1/' "$out")
(( waiting > 0 && waiting < 65536 )) || fail "50 steps cannot take $waiting bytes"

# Artifacts and the end wait, too.
RUNLOG_STORE=$PWD/elsewhere "$writer" behind sample
journal=$(echo behind/sample/r0-*)
run 0 "$runlog" ls --json behind
has "$out" '"blobs_waiting":0' '"bytes_waiting":0'
head -c 100000 /dev/zero >file
mv file "$journal/blobs/$(sha256sum file | cut -d' ' -f1)"
run 0 "$runlog" ls --json behind
has "$out" '"blobs_waiting":1' '"bytes_waiting":100000'
run 0 "$runlog" ls behind
has "$out" '97.7 KiB'
run 0 "$runlog" stat behind
has "$out" '1 artifact, 97.7 KiB'
rm "$journal"/blobs/*
mv "$journal/shipped/end.json" "$journal/"
run 0 "$runlog" stat behind
has "$out" 'its end, '

# No record body is read: with its pages ruined a pack counts the same. Reading it finds the damage.
cp -r runs ruined
pack=$(find ruined/odd -name '*.parquet')
run 0 "$runlog" ls --json ruined/odd
cp "$out" before
overwrite "$pack" 100 "$(printf 'X%.0s' {1..300})"
run 0 "$runlog" ls --json ruined/odd
diff before "$out"
run 3 "$runlog" verify ruined/odd

run 0 "$runlog" ls --quick runs
has "$out" sample crash STARTED
lacks "$out" RECORDS

run 0 "$runlog" ls # the default is ./runs
equal "$(lines "$out")" 5
RUNLOG_ROOT=runs/odd run 0 "$runlog" ls
equal "$(lines "$out")" 2

mkdir empty
run 0 "$runlog" ls empty
equal "$(lines "$out")" 0
has "$err" 'runlog: ' empty
run 1 "$runlog" ls missing
has "$err" 'runlog: ' missing 'check the path'
