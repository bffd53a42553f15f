# Real temporary credentials, found where a machine on AWS has them: EC2 metadata, a container's
# endpoint, web identity. Refused and expiring ones are fetched again; none is ever written down.
# needs: sts metadata
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
server sts
sts=$dir store=$(s3_store "$(<"$dir/url")" "$here")
server metadata
metadata=$dir url=$(<"$dir/url")
export AWS_REGION=us-east-1
cd "$TMPDIR"
secret=$(sed -n 's/.*"SecretAccessKey":"\([^"]*\)".*/\1/p' "$metadata/answers/keys.json")
token=$(sed -n 's/.*"Token":"\([^"]*\)".*/\1/p' "$metadata/answers/keys.json")

# ships RUN_ID: with what the environment says.
ships() {
  dead_journal "$1" 300
  run 0 "$recover" runs --run "$1" --store "$store"
  s3_download "$sts" "$here" got
  has_exactly got "$1" "$steps" --killed
  ! grep -rqF -e "$secret" -e "$token" runs got "$out" "$err" || fail "$1: a secret is written down"
}

(unset AWS_EC2_METADATA_DISABLED; export AWS_EC2_METADATA_SERVICE_ENDPOINT=$url/; ships ec2) || exit 1

export AWS_CONTAINER_CREDENTIALS_FULL_URI=$url/container
(export AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=$metadata/authorization; ships container_file) || exit 1
(AWS_CONTAINER_AUTHORIZATION_TOKEN=$(<"$metadata/authorization"); export AWS_CONTAINER_AUTHORIZATION_TOKEN; ships container) || exit 1
dead_journal refused 300
AWS_CONTAINER_AUTHORIZATION_TOKEN=wrong run 4 "$recover" runs --run refused --store "$store"
has "$err" container 401 AWS_CONTAINER_AUTHORIZATION_TOKEN
# Nowhere else than this machine, its link, or https.
AWS_CONTAINER_CREDENTIALS_FULL_URI=http://example.invalid/keys run 4 "$recover" runs --run refused --store "$store"
has "$err" refused
unset AWS_CONTAINER_CREDENTIALS_FULL_URI

echo web-identity-token >identity.txt
(export AWS_WEB_IDENTITY_TOKEN_FILE=$PWD/identity.txt AWS_ROLE_ARN=arn:aws:iam:::role/ship AWS_ENDPOINT_URL_STS=$url/sts; ships irsa) || exit 1

# A job's credentials end while it runs. Of one, the server refuses the first; of the other, they say
# that they expire in four seconds, and are fetched again ahead of that. Other ones are not asked for more
# often than each few seconds, so the jobs last longer.
export AWS_CONTAINER_AUTHORIZATION_TOKEN
AWS_CONTAINER_AUTHORIZATION_TOKEN=$(<"$metadata/authorization")
export RUNLOG_SHIP_INTERVAL=500ms
sed 's/"Token":"......../"Token":"AAAAAAAA/' "$metadata/answers/keys.json" >useless.json
answer '200 OK' "$(<useless.json)" >useless.txt
fault "${url##*:}" GET 1 answer useless.txt
refused=$dir
AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:$(<"$dir/port")/container RUNLOG_RUN_ID=refused_first RUNLOG_STORE=$store \
  "$trainer" runs 500 8 quiet 2>refused.err &
job=$!
sed "s/\"Expiration\":\"[^\"]*\"/\"Expiration\":\"$(date -u -d '+4 seconds' +%Y-%m-%dT%H:%M:%SZ)\"/" "$metadata/answers/keys.json" >soon.json
answer '200 OK' "$(<soon.json)" >soon.txt
fault "${url##*:}" GET 1 answer soon.txt
AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:$(<"$dir/port")/container RUNLOG_RUN_ID=expiring RUNLOG_STORE=$store \
  "$trainer" runs 500 8 quiet 2>expiring.err
wait $job || fail "the job failed"
has refused.err 'InvalidArgument' 'renew the credentials'
equal "$(lines refused.err)" 1
equal "$(lines expiring.err)" 0
(($(grep -c '^GET /container pass 200' "$refused/requests") > 0)) || fail "no others were asked for"
(($(grep -c '^GET /container pass 200' "$dir/requests") > 0)) || fail "not asked for again"
s3_download "$sts" "$here" got
has_exactly got refused_first 4000
has_exactly got expiring 4000
