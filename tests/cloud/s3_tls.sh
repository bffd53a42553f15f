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
has_exactly got dead "$steps" --killed
rm -rf runs
dead_journal again 500
AWS_CA_BUNDLE=$ca/ca.pem run 0 "$recover" runs --store "$store"
RUNLOG_CA_BUNDLE=$ca/ca.pem books "$(run_in "$store" again)" --killed "train/loss=$steps"

# TLS 1.1 is refused, by us: curl, when told so, speaks with this server.
need_program curl curl
old=$TMPDIR/old
mkdir "$old"
cp "$ca"/server.{pem,key} "$old"
port=$(a_port)
own_servers+=("$old")
guard "$old" $$
launch "$old" openssl openssl s_server -tls1_1 -cipher ALL:@SECLEVEL=0 -accept "127.0.0.1:$port" -www \
  -cert "$old/server.pem" -key "$old/server.key"
wait_for_port "$old" openssl "$port" 20
curl -sf --noproxy '*' --cacert "$ca/ca.pem" --tls-max 1.1 --ciphers ALL:@SECLEVEL=0 "https://127.0.0.1:$port/" >/dev/null ||
  fail "this server does not speak TLS 1.1"
rm -rf runs
dead_journal old 500
RUNLOG_CA_BUNDLE=$ca/ca.pem run 4 "$recover" runs --timeout 1 --store "s3://b/p?region=us-east-1&endpoint=https://127.0.0.1:$port"
has "$err" 'protocol version'
[[ -n $(find runs -path '*/packs/*.parquet') ]] || fail "the packs are gone"
books runs/old --killed "train/loss=$steps"
