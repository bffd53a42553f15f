# SIGTERM ends runlog-recover between two journals, with 130; the next run does the rest.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"

"$writer" runs sample
for i in {1..300}; do cp -r runs/sample "runs/copy$i"; done

# Its lines fill the pipe long before it is through, so it is at work when the signal comes.
mkfifo json
"$recover" --json runs >json 2>"$err" &
recover_pid=$!
exec 3<json
read -r -t 20 line <&3
kill -TERM "$recover_pid"
cat <&3 >"$out"
code=0
wait "$recover_pid" || code=$?
equal "$code" 130
(($(lines "$out") < 300)) || fail 'it went on to the end'
has "$err" interrupted

run 0 "$recover" --json runs
equal "$(lines "$out")" 301
