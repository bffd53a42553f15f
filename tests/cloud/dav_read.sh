# Every command that reads, from a WebDAV server: by http and by https, with names that need encoding.
# needs: nginx ca
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
server ca
export RUNLOG_CA_BUNDLE=$dir/ca.pem
server nginx
cd "$TMPDIR"
export RUNLOG_HTTP_USER=$dav_user RUNLOG_HTTP_PASSWORD=$dav_password
reads_back "$(<"$dir/dav")/$here/a b+c"
reads_back "$(<"$dir/dav_tls")/$here/tls"
RUNLOG_HTTP_PASSWORD=wrong cannot_read "$(<"$dir/dav")/$here/tls" 401
