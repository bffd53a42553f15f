# tail: the last lines; -f shows what a live writer logs and ends when it ends, or is killed.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"

"$writer" runs sample
run 0 "$runlog" tail -n 3 --name train/loss runs/sample
equal "$(lines "$out")" 3
has "$out" 'step 97' 'step 98' 'step 99'
run 0 "$runlog" tail runs/sample
equal "$(lines "$out")" 10
run 0 "$runlog" tail -n 0 runs/sample
equal "$(lines "$out")" 0
run 0 "$runlog" tail -f -n 2 --name train/loss runs/sample # nobody writes: it ends at once
equal "$(lines "$out")" 2

# follow END: a writer that lives, and `tail -f` behind it; END is its last line of input, or "".
follow() {
  rm -rf live-runs
  mkfifo commands answers lines
  "$writer" live-runs live <commands >answers &
  local writer_pid=$! line
  exec 3>commands 4<answers
  read -r -t 20 line <&4 # "ready": ten steps are logged
  "$runlog" tail -f -n 1 --kind metric live-runs >lines 2>"$err" 3>&- & # 3: the writer's end must be ours alone
  local tail_pid=$!
  exec 5<lines
  read -r -t 20 line <&5 || fail 'tail -f showed nothing'
  [[ $line == *'step 9 '* ]] || fail "the last line is not step 9: $line"
  echo go >&3
  read -r -t 20 line <&4
  read -r -t 20 line <&5 || fail 'tail -f does not follow'
  [[ $line == *'step 10 '* ]] || fail "the new line is not step 10: $line"
  if [[ -n $1 ]]; then echo "$1" >&3; fi
  exec 3>&-
  wait "$writer_pid" || true
  wait "$tail_pid" || fail 'tail -f did not end well'
  exec 4<&- 5<&-
  rm commands answers lines
}

follow ''
has "$err" complete
follow kill
has "$err" crashed

# tail -f leaves when its reader has gone, even when nothing more is logged.
mkfifo commands
"$writer" quiet-runs live <commands >answers &
exec 3>commands
until [[ -s answers ]]; do :; done
code=0
"$runlog" tail -f -n 5 quiet-runs | head -1 >"$out" || code=${PIPESTATUS[0]}
equal "$code" 141
exec 3>&-
wait
