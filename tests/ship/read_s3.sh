# Reading, pulling and diagnosing a real S3 server: what is read from it is what was logged.
set -euo pipefail
[[ -e $RUNLOG_SOURCE/tests/servers/lib.bash ]] || exit 77
source "$RUNLOG_SOURCE/tests/cli/lib.bash"
source "$RUNLOG_SOURCE/tests/servers/lib.bash"
cd "$TMPDIR"
export RUNLOG_SERVERS_OWNER=$$
code=0
endpoint=$("$servers/start-s3" "$PWD/s3") || code=$?
((code == 0)) || exit "$code" # 77: it is not installed
trap '"$servers/stop" "$TMPDIR/s3"' EXIT

export AWS_ACCESS_KEY_ID=$s3_key AWS_SECRET_ACCESS_KEY=$s3_secret AWS_REGION=us-east-1
export AWS_ENDPOINT_URL=$endpoint AWS_EC2_METADATA_DISABLED=true HOME=$TMPDIR
store=s3://$s3_bucket/some/prefix

run 0 "$runlog" doctor "$store"
lacks "$out" BAD warn
has "$out" credentials connection clock overwrite
run 1 "$runlog" ls "$store" # doctor has left nothing that counts
has "$err" 'holds no run'

for mode in sample odd; do RUNLOG_STORE=$store "$writer" runs $mode; done
RUNLOG_STORE=$store RUNLOG_RANK=3 "$writer" runs many
for mode in sample odd many; do
  "$runlog" cat --json runs/$mode >expected
  "$runlog" cat --json "$store/project=cli/run_id=$mode" >actual
  cmp expected actual || fail "$mode reads differently from the store"
done
run 0 "$runlog" cat --json --rank 3 "$store"
cmp actual "$out"
run 0 "$runlog" ls --quick --json "$store"
equal "$(lines "$out")" 3
run 1 "$runlog" tail -f "$store"
run 0 "$runlog" verify "$store"
has "$err" whole ' file'

# What is copied reads the same; what the store no longer has is missed by verify and clean.
run 0 "$runlog" pull "$store" copy
run 0 "$runlog" cat --json copy/project=cli/run_id=many
cmp actual "$out"
pack=$(cd copy && find . -path '*many*' -name '*.parquet' | head -1)
run 0 "$runlog" cat --json "$store/${pack#./}"
cmp actual "$out"
run 0 "$runlog" clean --dry-run runs
run 0 "$runlog" clean runs
run 0 "$runlog" ls --json runs
lacks "$out" '"packs_shipped":1'

# Wrong secret, no permission, no bucket, nobody there: said in one screen, with what to do.
AWS_SECRET_ACCESS_KEY=wrong run 1 "$runlog" doctor "$store"
has "$out" BAD 'secret'
AWS_ACCESS_KEY_ID=$s3_other_key AWS_SECRET_ACCESS_KEY=$s3_other_secret run 1 "$runlog" doctor "$store"
has "$out" 's3:PutObject' 's3:ListBucket'
run 1 "$runlog" doctor s3://no-such-bucket/p
has "$out" 'create bucket'
AWS_ENDPOINT_URL=http://127.0.0.1:1 run 1 "$runlog" doctor "$store"
has "$out" connection refused
AWS_ACCESS_KEY_ID='' AWS_SECRET_ACCESS_KEY='' run 1 "$runlog" doctor "$store"
has "$out" credentials '->'
