# A reader that goes away ends cat quietly; a full disk does not pass for success.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"

"$writer" runs many
for form in '' --json --csv; do
  code=0
  "$runlog" cat runs $form 2>"$err" | head -1 >"$out" || code=${PIPESTATUS[0]}
  equal "$code" 141 "cat $form"
  equal "$(lines "$out")" 1
  equal "$(cat "$err")" '' 'nothing to say'
done
code=0
"$runlog" cat runs >/dev/full 2>"$err" || code=$?
equal "$code" 1
has "$err" 'No space left'

run 0 "$runlog" cat --json runs --kind metric
equal "$(lines "$out")" 200000
