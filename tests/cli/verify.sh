# verify: whole, at odds with itself, damaged; each with its exit code.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"

"$writer" runs sample
run 0 "$runlog" verify runs
equal "$(lines "$out")" 0
has "$err" whole

"$writer" runs odd
run 0 "$runlog" verify runs
has "$out" 'note  ' 'train/loss is used as metric and row' 'property dataset'
lacks "$out" LOSS
run 0 "$runlog" verify --json runs
has "$out" '"what":"kinds"' '"what":"property"' '"name":"dataset"'

# Two live writers of one (run, rank).
mkfifo one two
"$writer" twins live <one >ready1 &
"$writer" twins live <two >ready2 &
exec 3>one 4>two
until [[ -s ready1 && -s ready2 ]]; do :; done
run 0 "$runlog" verify twins
has "$out" 'live: rank 0 has 2 live writers'
exec 3>&- 4>&-
wait

# An artifact that is gone from a journal that nobody ships.
"$writer" gone sample
rm "$(find gone -path '*/blobs/*' | head -1)"
run 3 "$runlog" verify gone
has "$out" 'LOSS  sample: the content of '

# Bytes that change in a segment are named with the file and the loss.
"$writer" damaged crash || true
segment=$(find damaged -name '*.seg' -size +0 | sort | head -1)
[[ -n $segment ]] || fail 'the crashed run has no segment'
at=$(LC_ALL=C grep -abo 'train/loss' "$segment" | head -1 | cut -d: -f1)
overwrite "$segment" $((at + 600)) XXXXXXXX
run 3 "$runlog" verify damaged
has "$out" 'LOSS  ' "$(basename "$segment")" 'bytes ['
has "$err" 'not whole'
run 3 "$runlog" verify --json damaged
has "$out" '"what":"damage"' '"begin":'
run 3 "$runlog" cat damaged # the rest is shown
(($(lines "$out") > 10)) || fail 'damage hides more than it should'

run 1 "$runlog" verify missing
run 2 "$runlog" verify
