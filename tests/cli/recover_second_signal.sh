# The first SIGINT asks runlog-recover to stop; one that hangs is ended by the second. Nothing is
# lost.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"

"$writer" runs crash || true
journal=$(find runs -type d -name 'r0-*')
# A pipe that is full and that nobody reads: whoever writes there waits.
mkfifo full
exec 9<>full
dd if=/dev/zero of=full bs=4096 oflag=nonblock 2>/dev/null || true

set -m # else bash has its background jobs ignore SIGINT
"$recover" --store "$PWD/store" runs 2>&9 &
pid=$!
set +m
until [[ -e $journal/shipped/end.json ]]; do kill -0 "$pid"; done # only the table is left to print
kill -INT "$pid"
until ! kill -INT "$pid" 2>/dev/null; do :; done
code=0
wait "$pid" || code=$?
equal "$code" 130

run 0 "$recover" --store "$PWD/store" runs
run 0 "$runlog" cat store --name train/loss
equal "$(lines "$out")" 50
