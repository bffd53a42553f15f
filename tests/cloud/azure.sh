# Azure Blob storage: by account key, connection string and SAS; with what each may do; twice; and
# with somebody else's blob in the way.
# needs: azure
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
server azure
azure=$dir
cd "$TMPDIR"
packed_template 1500
from_template
run 0 "$recover" runs --store plain
has_exactly plain dead "$steps" --killed

# azure_store PREFIX: an account of one's own has a server of one's own.
azure_store() { echo "azblob://$azure_account/$azure_container/$1?endpoint=$(<"$azure/url")"; }

# ships PREFIX: recovery of a copy of the journal ends with what `plain` has.
ships() {
  from_template
  run 0 "$recover" runs --store "$(azure_store "$1")"
  azure_download "$azure" "$1" got
  diff -r plain got >diff.txt || fail "other blobs at $1: $(<diff.txt)"
}
refused() {
  from_template
  run 4 "$recover" runs --store "$(azure_store "$here/refused")"
  has "$err" "$@"
  lacks "$err" sig= "$azure_key"
  [[ -n $(find runs -path '*/packs/*.parquet') ]] || fail "the packs are gone"
}

AZURE_STORAGE_KEY=$azure_key ships "$here/key/a b+c"
AZURE_STORAGE_KEY=$azure_key ships "$here/key/a b+c"
AZURE_STORAGE_SAS_TOKEN=$(azure_sas rcw) ships "$here/sas"
AZURE_STORAGE_KEY=$azure_key books "$(run_in "$(azure_store "$here/sas")" dead)" --killed "train/loss=$steps"
AZURE_STORAGE_KEY=$azure_key reads_as "$(azure_store "$here/sas")" got
AZURE_STORAGE_SAS_TOKEN=$(azure_sas rl) reads_as "$(azure_store "$here/sas")" got
AZURE_STORAGE_SAS_TOKEN=?$(azure_sas c) ships "$here/create-only"
AZURE_STORAGE_CONNECTION_STRING="DefaultEndpointsProtocol=http;AccountName=$azure_account;AccountKey=$azure_key;BlobEndpoint=$(<"$azure/url");" \
  ships "$here/string"

# Create-only, and there already: the proxy says it as Azure does; Azurite has another word for it.
# Nobody may look, so it is taken to be ours, with a note.
port=$(sed 's|.*:\([0-9]*\)/.*|\1|' "$azure/url")
s3_error '403 Forbidden' UnauthorizedBlobOverwrite 'not authorized to overwrite' 'x-ms-error-code: UnauthorizedBlobOverwrite' >answer.txt
fault "$port" PUT -1 answer answer.txt
from_template
AZURE_STORAGE_SAS_TOKEN=$(azure_sas c) run 0 "$recover" runs \
  --store "azblob://$azure_account/$azure_container/$here/create-only?endpoint=$url/$azure_account"
has "$err" 'may not look'

AZURE_STORAGE_KEY=$(base64 <<<'another key') refused 403
AZURE_STORAGE_SAS_TOKEN=$(azure_sas rcw 2020-01-01T00:00:00Z) refused 403
AZURE_STORAGE_SAS_TOKEN=$(azure_sas r) refused 403
# The answer is lost; the blob is there. The repeated PUT finds it.
fault "$port" PUT 2 lose
from_template
AZURE_STORAGE_KEY=$azure_key run 0 "$recover" runs --store "azblob://$azure_account/$azure_container/$here/lost?endpoint=$url/$azure_account"
azure_download "$azure" "$here/lost" got
diff -r plain got >diff.txt || fail "other blobs: $(<diff.txt)"
equal "$(grep '^PUT .* 201$' "$dir/requests" | sort | uniq -d)" "" "created twice"
# One more may come from the look whether the server has conditions at all.
again=$(grep -c ' 409$' "$dir/requests")
[[ $again == 2 || $again == 3 ]] || fail "$again answers of 409"

# Other bytes: never overwritten, said, kept.
pack=$(cd plain && find . -name '*.parquet' | sort | head -n 1 | sed 's|^\./||')
echo "somebody else's" >other.txt
azure_request "$azure" PUT "$azure_container/$here/taken/$pack" other.txt || fail "no PUT"
from_template
AZURE_STORAGE_KEY=$azure_key run 4 "$recover" runs --store "$(azure_store "$here/taken")"
has "$err" 'exists with other bytes'
books runs/dead --killed "train/loss=$steps"
azure_download "$azure" "$here/taken" got
equal "$(<"got/$pack")" "somebody else's"

# A job ships while it runs.
AZURE_STORAGE_KEY=$azure_key RUNLOG_RUN_ID=job RUNLOG_STORE=$(azure_store "$here/job") RUNLOG_SHIP_INTERVAL=100ms run 0 "$trainer" runs 1000 1
azure_download "$azure" "$here/job" got
has_exactly got job 1000
AZURE_STORAGE_KEY=$azure_key books "$(run_in "$(azure_store "$here/job")" job)" train/loss=1000

# doctor, with all rights, with those to write and read but not to list, and with a key that is another's.
AZURE_STORAGE_KEY=$azure_key run 0 "$runlog" doctor "$(azure_store "$here/doctor")"
lacks "$out" BAD warn
AZURE_STORAGE_SAS_TOKEN=$(azure_sas rcw) run 0 "$runlog" doctor "$(azure_store "$here/doctor")"
lacks "$out" BAD sig=
has "$out" 'warn  list' 'sp=rl' 'not allowed, and not needed'
AZURE_STORAGE_KEY=$(base64 <<<'another key') run 1 "$runlog" doctor "$(azure_store "$here/doctor")"
has "$out" 'BAD   create' 403
