# Every command that reads, from Azure Blob storage: with the account's key, and with a SAS that may only
# read and list.
# needs: azure
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
server azure
cd "$TMPDIR"
store="azblob://$azure_account/$azure_container/$here/a b+c?endpoint=$(<"$dir/url")"
export AZURE_STORAGE_KEY=$azure_key
reads_back "$store"
unset AZURE_STORAGE_KEY
AZURE_STORAGE_SAS_TOKEN=$(azure_sas rl) run 0 "$runlog" verify "$store"
has "$err" whole
# Not allowed to look is no loss.
AZURE_STORAGE_SAS_TOKEN=$(azure_sas c) cannot_read "$store" 403
AZURE_STORAGE_SAS_TOKEN=$(azure_sas l) cannot_read "$store" 403
