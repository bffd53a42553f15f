# Names and texts with escape sequences reach no terminal, and break no line.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"

"$writer" runs hostile
for command in cat tail stat verify 'cat --json' 'cat --csv' 'plot --path runs esc*'; do
  read -ra words <<<"$command"
  # shellcheck disable=SC2206
  [[ $command == plot* ]] || words+=(runs)
  on_terminal 0 "$runlog" "${words[@]}"
  [[ -s $out || $command == verify ]] || fail "$command wrote nothing"
  tr -d '\r' <"$out" >clean # the terminal's own line ends
  is_clean clean
done

run 0 "$runlog" cat runs
is_clean "$out"
has "$out" 'esc\x1b[31mred\x1b]0;title\x07' 'c1\u009b2J' 'bidi\u202egnp.exe' 'isolate\u2066here' \
  'bell\x07 back\x08\x7fdel\r\nnext line\tend'
run 0 "$runlog" stat runs
is_clean "$out"
has "$out" '漢字'

# JSON and CSV that go to a file are what was logged, byte for byte.
run 0 "$runlog" cat --json runs
has "$out" 'esc\u001b[31mred'
run 0 "$runlog" cat --csv --kind text runs
has "$out" '"commas, ""quotes""'
