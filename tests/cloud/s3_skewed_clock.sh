# This machine's clock is wrong by more than S3 bears: the server's own is taken, and all is shipped.
# needs: s3
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
need_program faketime faketime
server s3
as_owner
cd "$TMPDIR"
for off in +20m -180m; do
  dead_journal "dead${off#+}" 500
  FAKETIME_DONT_FAKE_MONOTONIC=1 run 0 faketime -f "$off" "$recover" runs --store "$(s3_store "$(<"$dir/url")" "$here/${off#+}")"
  # The test is of nothing if the fake clock does not reach curl's and our own requests.
  FAKETIME_DONT_FAKE_MONOTONIC=1 run 22 faketime -f "$off" curl -sf --aws-sigv4 aws:amz:us-east-1:s3 --user "$s3_key:$s3_secret" \
    -H 'x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' "$(<"$dir/url")/$s3_bucket"
  s3_download "$dir" "$here/${off#+}" got
  has_exactly got "dead${off#+}" "$steps" --killed
done
