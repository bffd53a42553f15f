# Azure over https, with bearer tokens as a managed identity and a workload identity give them. Azurite
# looks at a token's claims, so these are home-made; it refuses expired ones and those for others.
# needs: azure_tls ca
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
server ca
export CURL_CA_BUNDLE=$dir/ca.pem
server azure_tls
azure=$dir
cd "$TMPDIR"

base64url() { base64 -w 0 | tr '+/' '-_' | tr -d =; }
# token EXPIRY [AUDIENCE]: the answer of an identity endpoint.
token() {
  local claims jwt
  claims="{\"iss\":\"https://sts.windows.net/t/\",\"aud\":\"${2:-https://storage.azure.com/}\",\"nbf\":1,\"iat\":1,\"exp\":$1,\"ver\":\"1.0\"}"
  jwt=$(printf '{"alg":"none","typ":"JWT"}' | base64url).$(printf %s "$claims" | base64url).c2lnbmVk
  answer '200 OK' "{\"access_token\":\"$jwt\",\"expires_in\":3599,\"expires_on\":\"4000000000\",\"token_type\":\"Bearer\"}" \
    'Content-Type: application/json'
}

store=azblob://$azure_account/$azure_container/$here/run?endpoint=$(<"$azure/url")
dead_journal dead 500
token 1000000 >answer.txt
fault 1 any -1 answer answer.txt
AZURE_POD_IDENTITY_AUTHORITY_HOST=$url run 4 "$recover" runs --store "$store"
has "$err" 403 renew
token 4000000000 https://vault.azure.net/ >answer.txt
fault 1 any -1 answer answer.txt
AZURE_POD_IDENTITY_AUTHORITY_HOST=$url run 4 "$recover" runs --store "$store"
lacks "$err" "$(sed -n 's/.*access_token":"\([^"]*\)".*/\1/p' answer.txt)"
[[ -n $(find runs -path '*/packs/*.parquet') ]] || fail "the packs are gone"

token 4000000000 >answer.txt
fault 1 any -1 answer answer.txt
AZURE_POD_IDENTITY_AUTHORITY_HOST=$url run 0 "$recover" runs --store "$store"
azure_download "$azure" "$here/run" got
has_exactly got dead "$steps" --killed
grep -q '^GET /metadata/identity/oauth2/token?.*resource=https%3A%2F%2Fstorage.azure.com%2F' "$dir/requests" || fail "asked otherwise"

echo federated >federated.txt
rm -rf runs
dead_journal again 500
AZURE_TENANT_ID=tenant AZURE_CLIENT_ID=client AZURE_FEDERATED_TOKEN_FILE=$PWD/federated.txt AZURE_AUTHORITY_HOST=$url \
  run 0 "$recover" runs --store "$store"
grep -q '^POST /tenant/oauth2/v2.0/token' "$dir/requests" || fail "asked otherwise"
azure_download "$azure" "$here/run" got
has_exactly got again "$steps" --killed
