# Every command that reads, from S3.
# needs: s3
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
server s3
as_owner
cd "$TMPDIR"
reads_back "$(s3_store "$(<"$dir/url")" "$here/a b+c")"
