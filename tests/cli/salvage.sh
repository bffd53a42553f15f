# salvage: records out of a file that holds a segment somewhere.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"

"$writer" runs crash || true
segment=$(find runs -name '*.seg' -size +0 | sort | head -1)
{
  head -c 12344 /dev/zero
  cat "$segment"
  head -c 4096 /dev/zero
} >image
run 0 "$runlog" salvage image --json --name train/loss
equal "$(lines "$out")" 50
has "$out" '"step":49'
has "$err" 'found' 'records in'
run 0 "$runlog" salvage image --name train/loss
equal "$(lines "$out")" 50

head -c 100000 /dev/zero >nothing
run 1 "$runlog" salvage nothing
has "$err" 'no runlog segments'
run 1 "$runlog" salvage missing
run 2 "$runlog" salvage
