# The first SIGINT asks runlog-recover to stop; one that hangs in a dead file system is ended by the
# second. Nothing is lost: the next run does the work.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"

"$writer" runs crash || true
journal=$(find runs -type d -name 'r0-*')
session=${journal##*/r0-}
# Opening a FIFO that nobody reads blocks, as a dead mount does.
mkdir -p store/project=cli/run_id=crash/rank=00000
hang=store/project=cli/run_id=crash/rank=00000/.$session-00000000.parquet.part
mkfifo "$hang"

set -m # else bash has its background jobs ignore SIGINT
"$recover" --store "$PWD/store" runs 2>"$err" &
pid=$!
set +m
until [[ -e $journal/packs/00000000.parquet ]]; do :; done # its handlers are in place by now
kill -INT "$pid"
until ! kill -INT "$pid" 2>/dev/null; do :; done
code=0
wait "$pid" || code=$?
equal "$code" 130

rm "$hang"
run 0 "$recover" --store "$PWD/store" runs
run 0 "$runlog" cat store --name train/loss
equal "$(lines "$out")" 50
