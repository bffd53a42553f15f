# plot: a chart in the terminal and as SVG; what cannot be drawn is said.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"

"$writer" runs sample
RUNLOG_RANK=1 "$writer" runs sample
run 0 "$runlog" plot runs/sample --rank 0 train/loss
has "$out" '┤' '└' step '━━ train/loss'
equal "$(lines "$out")" 20
LC_ALL=C grep -qP '\xe2[\xa0-\xa3][\x80-\xbf]' "$out" || fail 'no dots'
while IFS= read -r line; do ((${#line} <= 80)) || fail "wider than 80: $line"; done <"$out"

run 0 "$runlog" plot --path runs/sample --rank 0 train/loss val/acc --width 60 --height 12
has "$out" 'a train/loss' 'b val/acc'
equal "$(lines "$out")" 12
has "$err" 'left out 2 values, NaN or infinite'
run 0 "$runlog" plot runs/sample train/loss --log-y --smooth 0.6 --time
has "$out" 'train/loss r0' 'train/loss r1' 'time (UTC)'

# However low the chart, the labels of its axis are at least two, and evenly spaced.
for height in {6..20}; do
  run 0 "$runlog" plot runs/sample --rank 0 train/loss --height "$height"
  equal "$(lines "$out")" "$height"
  sed -n 's/ ┤.*//p' "$out" | awk '
    { if (NR > 1) steps[sprintf("%.3f", last - $1)]; last = $1 }
    END { for (step in steps) count++; exit !(NR > 1 && count == 1) }' || fail 'uneven labels'
done
run 0 "$runlog" plot runs/sample --rank 0 train/loss --height 6 --log-y
equal "$(grep -c '┤' "$out")" 2
run 2 "$runlog" plot runs/sample train/loss --height 5

run 0 "$runlog" plot runs/sample 'train/*' 'row/*' --svg -
has "$out" '<svg xmlns=' '<polyline' 'train/loss r1' '</svg>'
lacks "$out" '<script' 'href'
needs xmllint libxml2-utils
xmllint --noout "$out" || fail 'not XML'
cp "$out" wanted.svg
run 0 "$runlog" plot runs/sample 'train/*' 'row/*' --svg chart.svg
equal "$(lines "$out")" 0
cmp chart.svg wanted.svg
"$writer" runs hostile
run 0 "$runlog" plot runs/hostile '*' --svg -
is_clean "$out"
xmllint --noout "$out" || fail 'hostile names break the SVG'
lacks "$out" '<script'

run 0 "$runlog" plot runs/sample # no series: their names
has "$out" train/loss val/acc epoch
run 1 "$runlog" plot runs/sample nothing
has "$err" 'nothing to draw'
run 1 "$runlog" plot runs/sample epoch
has "$err" 'without a step' --time
run 2 "$runlog" plot
run 2 "$runlog" plot runs/sample train/loss --smooth 1
run 2 "$runlog" plot runs/sample train/loss --width 3
