# What only the owner can mend keeps everything on disk, is told once with its remedy, and loses
# nothing: when it is mended, the same command ships.
# needs: s3
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
server s3
server_url=$(<"$dir/url")
cd "$TMPDIR"
dead_journal dead 100
store=$(s3_store "$server_url" "$here")

# refused WORD…: recovery cannot ship, says why, and keeps what it has.
refused() {
  run 4 "$recover" runs --store "$store"
  has "$err" "$@"
  lacks "$err" "$s3_secret" "$s3_other_secret" wrongSecret
  lacks "$out" "$s3_secret" "$s3_other_secret" wrongSecret
  [[ -n $(find runs -path '*/packs/*.parquet') ]] || fail "the packs are gone"
}

as_owner
AWS_SECRET_ACCESS_KEY=wrongSecret refused SignatureDoesNotMatch 'does not belong to the key id' environment
AWS_ACCESS_KEY_ID=UNKNOWNKEY0000000001 refused InvalidAccessKeyId 'unknown there'
(unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY && refused 'AWS_ACCESS_KEY_ID') || exit 1
as_other
refused AccessDenied 's3:PutObject'
as_owner
store=$(s3_store "$server_url" "$here" no-such-bucket) refused NoSuchBucket 'create bucket no-such-bucket'

# A job with such a store runs as ever, ends within its deadline, and says so once.
AWS_SECRET_ACCESS_KEY=wrongSecret RUNLOG_RUN_ID=job RUNLOG_STORE=$store RUNLOG_SHIP_INTERVAL=100ms RUNLOG_FINISH_DEADLINE=2s \
  run 0 "$victim" everything runs complete
equal "$(grep -c SignatureDoesNotMatch "$err")" 1 "messages"
books runs/job train/loss=100
[[ -n $(find runs/job -path '*/packs/*.parquet') ]] || fail "the packs are gone"

# Mended.
run 0 "$recover" runs --store "$store"
server s3
s3_download "$dir" "$here" got
has_exactly got dead "$steps" --killed
has_exactly got job 100
