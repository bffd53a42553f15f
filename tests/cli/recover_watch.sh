# runlog-recover --watch adopts a journal when its writer dies, and ends on SIGTERM.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"
export RUNLOG_STORE=$PWD/store

mkfifo commands answers words
"$writer" runs live <commands >answers &
writer_pid=$!
exec 3>commands 4<answers
read -r -t 20 line <&4 # ready
"$recover" --watch --interval 0.05 runs 2>words &
recover_pid=$!
exec 5<words
echo kill >&3
exec 3>&-
wait "$writer_pid" || true
read -r -t 60 line <&5 || fail '--watch did not adopt the journal'
[[ $line == *'live rank 0'*crashed*shipped* ]] || fail "what it says: $line"
run 0 "$runlog" cat store --name train/loss
equal "$(lines "$out")" 10
kill -TERM "$recover_pid"
code=0
wait "$recover_pid" || code=$?
equal "$code" 0 'a signal is the normal end of --watch'
