# https with a CA of one's own: refused until it is named, and the message says how.
# needs: s3 nginx ca
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
server ca
ca=$dir
server s3
s3=$dir
server nginx
as_owner
cd "$TMPDIR"
dead_journal dead 500
store=$(s3_store "$(<"$dir/s3_tls")" "$here")
run 4 "$recover" runs --store "$store"
has "$err" certificate RUNLOG_CA_BUNDLE
[[ -n $(find runs -path '*/packs/*.parquet') ]] || fail "the packs are gone"

# A certificate of our CA, for another name.
RUNLOG_CA_BUNDLE=$ca/ca.pem run 4 "$recover" runs --store "${store/127.0.0.1/127.0.0.2}"
has "$err" certificate

RUNLOG_CA_BUNDLE=$ca/ca.pem run 0 "$recover" runs --store "$store"
s3_download "$s3" "$here" got
has_exactly got dead "$steps"
rm -rf runs
dead_journal again 500
AWS_CA_BUNDLE=$ca/ca.pem run 0 "$recover" runs --store "$store"
