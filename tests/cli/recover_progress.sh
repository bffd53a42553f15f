# On a terminal a bar goes by bytes, with the journals counted beside it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"

# The last state of the bar on the terminal, between two wipes of the line.
last_bar() { tr '\r' '\n' <"$out" | sed 's/\x1b\[K//' | grep -F '[' | grep 'journals' | tail -n 1; }

"$writer" runs sample
on_terminal 0 "$recover" --store store runs
grep -q '^\[########################\] \(.*\) of \1, 1/1 journals  sample' <<<"$(last_bar)" ||
  fail 'the bar is not full by bytes'
tr '\r' '\n' <"$out" | grep -q '\[\.\{24\}\] 0 B of [0-9.]* [KM]iB, 0/1 journals' ||
  fail 'the bar did not begin with what waits'

# With nothing to ship it goes by journals.
on_terminal 0 "$recover" --store store runs
grep -q '^\[########################\] 1/1 journals' <<<"$(last_bar)" || fail 'not done'

# And not beyond the line.
"$writer" narrow sample
COLUMNS=40 on_terminal 0 "$recover" --store store narrow
[[ $(tr '\r' '\n' <"$out" | sed 's/\x1b\[K//' | grep -F '/1 journ' | wc -L) -lt 40 ]] || fail 'too wide'
