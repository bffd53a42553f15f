# The three lines that docs/clouds.md and README.md give for each cloud, taken from the pages and run by
# a shell. What a user would write for himself (names, keys, hosts) is put in; nothing else is changed.
# needs: s3 nginx ca azure
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
server ca
ca=$dir
server s3
s3=$dir
server nginx
nginx=$dir
server azure
azure=$dir
cd "$TMPDIR"
s3_request "$s3" PUT my-bucket >/dev/null || fail "no bucket"

# The job that the lines call.
mkdir bin
printf '#!/bin/sh\nexec "%s" runs 500 1 quiet\n' "$trainer" >bin/train
chmod +x bin/train
export PATH=$PWD/bin:$RUNLOG_BIN:$PATH RUNLOG_SHIP_INTERVAL=100ms

# lines PAGE HEADING SED…: the first block below the heading, as a user fills it in, into `lines`.
lines() {
  awk -v heading="## $2" '$0 == heading { on = 1 } on && /^```$/ { exit } on && code { print } on && /^```sh$/ { code = 1 }' \
    "$RUNLOG_SOURCE/$1" >as_it_stands
  equal "$(wc -l <as_it_stands)" 3 "lines for $2"
  equal "$(tail -n 1 as_it_stands)" train "the last line for $2"
  sed "${@:3}" as_it_stands >lines
  ! grep -q -e … -e example lines || fail "the test leaves something to fill in: $(<lines)"
}

# starts RUN_ID: the lines in a shell of their own; then doctor and recovery, which need no more than they.
starts() {
  { cat lines && echo 'runlog doctor "$RUNLOG_STORE"' && echo 'runlog-recover --verbose runs'; } >script
  RUNLOG_RUN_ID=$1 run 0 sh -eu script
  has "$out" ok
  lacks "$out" BAD
  grep -q "^$1 .* shipped" "$out" "$err" || fail "recovery does not find $1 shipped"
}
s3_got() { s3_bucket=my-bucket s3_download "$s3" runs got && has_exactly got "$1" 500; }
keys=(-e "s|AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…|AWS_ACCESS_KEY_ID=$s3_key AWS_SECRET_ACCESS_KEY=$s3_secret|")

# AWS is where the profile says it is.
mkdir -p "$HOME/.aws"
cat >"$HOME/.aws/config" <<CONFIG
[profile training]
aws_access_key_id = $s3_key
aws_secret_access_key = $s3_secret
endpoint_url = $(<"$s3/url")
CONFIG
lines docs/clouds.md 'AWS S3' ''
starts aws
s3_got aws
AWS_ENDPOINT_URL=$(<"$s3/url")
export AWS_ENDPOINT_URL
lines README.md 'To the cloud' "${keys[@]}"
starts readme
s3_got readme
unset AWS_ENDPOINT_URL

lines docs/clouds.md 'S3-compatible servers' "${keys[@]}" -e "s|https://minio.example:9000|$(<"$nginx/s3_tls")|"
RUNLOG_CA_BUNDLE=$ca/ca.pem starts compatible
s3_got compatible

lines docs/clouds.md 'Azure Blob Storage' -e "s|account/container|$azure_account/$azure_container|" \
  -e "s|…|DefaultEndpointsProtocol=http;AccountName=$azure_account;AccountKey=$azure_key;BlobEndpoint=$(<"$azure/url");|"
starts azure
azure_download "$azure" runs got
has_exactly got azure 500

lines docs/clouds.md 'WebDAV and plain HTTP' -e "s|…|$dav_password|; s|login me|login $dav_user|" \
  -e "s|machine files.example|machine 127.0.0.1|" -e "s|davs://files.example|$(sed 's|^https|davs|' "$nginx/dav_tls")|"
RUNLOG_CA_BUNDLE=$ca/ca.pem starts webdav
has_exactly "$nginx/data/remote/runs" webdav 500

# No server of Google's can be had: its lines are understood, up to the network.
lines docs/clouds.md 'Google Cloud Storage' -e "s|GOOG…|GOOG1EXAMPLE|; s|_KEY=… |_KEY=secret |"
sed -i "s|^train$|https_proxy=http://127.0.0.1:1 runlog doctor \"\$RUNLOG_STORE\"|" lines
run 1 sh -eu lines
has "$out" 'ok    credentials  from environment' 'BAD   connection' storage.googleapis.com
