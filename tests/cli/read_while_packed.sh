# Who reads beside a job that packs meanwhile misses nothing of what was there when he began: what all
# threads share is packed after he has looked at the packs, and before he looks at the segments again.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
needs strace strace
cd "$TMPDIR"
export ASAN_OPTIONS=detect_leaks=0 # which does not work under strace
mkfifo go
trap 'kill -KILL $(jobs -p) $(cat pid) 2>/dev/null || true' EXIT
"$RUNLOG_VICTIMS/writer" everything runs wait <go >said &
exec 3>go
until grep -qs '^logged 99' said; do kill -0 $! || fail "no job"; done
run 0 "$runlog" cat --json runs
cp "$out" before

# His last look at the segments. The job completes while he stands there, and so packs all of them.
lanes=$(echo "$PWD"/runs/*/r0-*/lanes)
run 0 strace -o trace -e trace=openat "$runlog" cat --json runs
looks=$(grep -cF "\"$lanes\"" trace)
# shellcheck disable=SC2016  # expanded by the inner shell
strace -o trace -P "$lanes" -e trace=openat -e inject=openat:signal=SIGSTOP:when="$looks" \
  sh -c 'echo $$ >pid; exec "$0" cat --json runs' "$runlog" >after 2>"$err" 3>&- &
reader=$!
until grep -qs 'stopped by SIGSTOP' trace; do kill -0 $reader || fail "he has not stopped: $(tail -n 3 trace)"; done
exec 3>&-
until grep -qs '"state":"complete"' listed; do "$runlog" ls --json runs >listed; done
equal "$(find "$lanes" -name '*.seg' -size +0 | wc -l)" 0 segments
kill -CONT "$(cat pid)"
wait $reader || fail "he cannot read it"
lines before >expected
head -n "$(cat expected)" after | diff before - >diff.txt || fail "he misses what was there: $(head -n 5 diff.txt)"
