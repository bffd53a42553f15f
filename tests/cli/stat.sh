# stat: one screen about a journal.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"

"$writer" runs sample
"$writer" runs odd
run 0 "$runlog" stat runs/sample
has "$out" 'sample  rank 0' complete 'lr=0.0003' 'batch=32' 'model_type=linear' 'git=0123abcd' \
  cli_writer output '12 B' 'last step 100' '1 info' '1 warning'
grep -qE '^ +train/loss +metric +100 +1 +0\.01 +0\.01 +1 +99$' "$out" || fail 'series train/loss'
grep -qE '^ +val/acc +metric +4 +0\.5 +0\.75 +0\.5 +Infinity +40$' "$out" || fail 'series val/acc'
grep -qE '^ +weights +histogram +1 .*5$' "$out" || fail 'series weights'
(($(lines "$out") <= 40)) || fail 'more than a screen'

run 0 "$runlog" stat runs/odd runs/sample
has "$out" 'failed: ' 'out of memory' 'sample  rank 0'
run 1 "$runlog" stat missing runs/sample
has "$out" 'sample  rank 0'

# No record body of a pack is read: with its pages ruined the screen is the same. verify reads them.
cp -r runs ruined
for run in sample odd; do
  run 0 "$runlog" stat --all "runs/$run"
  sed "s|runs/$run|ruined/$run|" "$out" >before
  overwrite "$(find "ruined/$run" -name '*.parquet')" 100 "$(printf 'X%.0s' {1..300})"
  run 0 "$runlog" stat --all "ruined/$run"
  diff before "$out" || fail "$run shows something else"
  run 3 "$runlog" verify "ruined/$run"
done

# A pack of an earlier version has no summary: its rows are read, and show the same but for its name.
conformance=$RUNLOG_SOURCE/tests/conformance
for pack in everything_unsealed everything_summed; do
  run 0 "$runlog" stat --all "$conformance/$pack.parquet"
  sed "s/$pack/PACK/" "$out" >"$pack"
done
diff everything_unsealed everything_summed || fail 'with a summary it shows something else'
(($(lines everything_unsealed) > 20)) || fail 'too few lines'
cp "$conformance"/everything_{unsealed,summed}.parquet .
for pack in everything_unsealed everything_summed; do
  overwrite "$pack.parquet" 100 "$(printf 'X%.0s' {1..100})"
done
run 3 "$runlog" stat everything_unsealed.parquet
run 0 "$runlog" stat everything_summed.parquet

# A crashed run, its segments not packed; then recovered.
"$writer" runs crash || true
run 0 "$runlog" stat runs/crash
grep -qE '^ +train/loss +metric +50 .* 49$' "$out" || fail 'series of the crashed run'
cp "$out" before
run 0 "$recover" runs -q
run 0 "$runlog" stat runs/crash
diff <(grep -A99 SERIES before) <(grep -A99 SERIES "$out") || fail 'recovery changed the series'
