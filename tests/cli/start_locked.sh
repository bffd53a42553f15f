# A journal that can be seen is locked: a job that stands still at the very moment in which its journal
# appears is taken for a live one, and its journal is left alone.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
needs strace strace
cd "$TMPDIR"
trap 'kill -KILL $(cat pid) 2>/dev/null || true' EXIT

# shellcheck disable=SC2016  # expanded by the inner shell
strace -o trace -e trace=/rename -e inject=/rename:signal=SIGSTOP:when=2 \
  sh -c 'echo $$ >pid; exec "$0" everything runs complete' "$RUNLOG_VICTIMS/writer" >said 2>&1 &
until grep -qs 'stopped by SIGSTOP' trace; do kill -0 $! || fail "it has not stopped: $(tail -n 3 trace)"; done
# The first rename is that of its meta.json.
sed -n 2p trace | grep -q '/runs/.*\.new", .*) = 0$' || fail "it stands elsewhere: $(head -n 2 trace)"

run 0 "$runlog" ls --json runs
has "$out" '"state":"live"'
run 0 "$recover" -v runs --store "$PWD/store"
has "$err" ' live '
[[ ! -e store ]] || fail "something was shipped"

# It stops once for each system call that renames.
while kill -CONT "$(cat pid)" 2>/dev/null; do :; done
wait $! || fail "the job failed: $(tail -n 3 said)"
run 0 "$runlog" ls --json runs
has "$out" '"state":"complete"'
run 0 "$RUNLOG_BOOKS" runs train/loss=100
