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
