# docs/migrating-from-azureml.md: its three programs run and record what they say, and the one
# that the page shows is as it shows it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"
[[ -x $RUNLOG_EXAMPLES/azureml_flush ]] || { echo "the examples were not built"; exit 77; }
page=$RUNLOG_SOURCE/docs/migrating-from-azureml.md

# Each C++ block of the page is a part of the program that was named last before it.
compared=0
while IFS= read -r line; do
  case $line in
    *'href="examples/'*) program=$(sed 's/.*href="\(examples[^"]*\)".*/\1/' <<<"$line") ;;
    '```cpp') block='' ;;
    '```')
      if [[ -v block ]]; then
        [[ "$(<"$RUNLOG_SOURCE/docs/$program")" == *"${block%$'\n'}"* ]] || fail "the page and $program differ"
        compared=$((compared + 1))
        unset block
      fi ;;
    *) [[ ! -v block ]] || block+=$line$'\n' ;;
  esac
done <"$page"
equal "$compared" 1 'programs on the page'

names_and_values() { sed -E 's/.*"name":"([^"]*)".*"step":([0-9]*),"value":(.*)\}$/\1 \2 \3/' "$out"; }

# Metrics in a loop.
RUNLOG_ROOT=metrics run 0 "$RUNLOG_EXAMPLES/azureml_metrics"
run 0 "$runlog" cat metrics --json --kind metric
equal "$(lines "$out")" 40
equal "$(names_and_values | head -n 2 | paste -sd' ')" 'loss 0 1 accuracy 0 0.5'
equal "$(names_and_values | grep -c '^accuracy ')" 20
equal "$(names_and_values | awk '$1 == "loss" && $2 == 19 { print substr($3, 1, 8) }')" 0.022370
run 0 "$runlog" ls metrics
has "$out" complete
mkdir nowhere
(cd nowhere && run 0 "$RUNLOG_EXAMPLES/azureml_metrics")
equal "$(ls nowhere)" '' 'without a variable it logs nothing'

# Parameter, tag, and a file that is gone when the program has ended.
RUNLOG_ROOT=artifact RUNLOG_STORE=$TMPDIR/store run 0 "$RUNLOG_EXAMPLES/azureml_artifact"
[[ ! -e output.txt ]] || fail 'the file is still there'
run 0 "$runlog" cat store --json --kind param,tag,file
has "$out" '"kind":"param","name":"alpha","value":0.03' '"kind":"tag","name":"model_type","value":"linear"' \
  '"kind":"file","name":"output"'
sha256=$(sed -nE 's/.*"kind":"file".*"text":"([0-9a-f]{64})".*/\1/p' "$out")
equal "$(cat store/project=linear/run_id=*/_runlog/blobs/"$sha256")" 'coefficients: 1.5 -0.25'

# A thousand metrics.
RUNLOG_ROOT=flush run 0 "$RUNLOG_EXAMPLES/azureml_flush"
run 0 "$runlog" cat flush --json --kind metric
equal "$(names_and_values)" "$(seq 0 999 | awk '{ print "value", $1, $1 / 2 }')"
