# WebDAV and plain HTTP: with a password from the environment and from netrc, over http on this machine
# and over https; where the server creates only; twice; and with something else in the way.
# needs: nginx ca
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
server ca
export RUNLOG_CA_BUNDLE=$dir/ca.pem
server nginx
nginx=$dir
cd "$TMPDIR"
packed_template 1500
from_template
run 0 "$recover" runs --store plain
has_exactly plain dead "$steps" --killed

# ships URL_FILE PATH: what nginx then has is what `plain` has.
ships() {
  from_template
  run 0 "$recover" runs --store "$(<"$nginx/$1")/$2"
  diff -r plain "$nginx/data/$2" >diff.txt || fail "other files at $2: $(<diff.txt)"
}

export RUNLOG_HTTP_USER=$dav_user RUNLOG_HTTP_PASSWORD=$dav_password
ships dav "$here/http"
ships dav "$here/http"
ships dav "once/$here/http"
ships dav "once/$here/http"
ships dav_tls "$here/https"
reads_as "$(<"$nginx/dav_tls")/$here/https" plain
books "$(run_in "$(<"$nginx/dav_tls")/$here/https" dead)" --killed "train/loss=$steps"
unset RUNLOG_HTTP_USER RUNLOG_HTTP_PASSWORD
printf 'machine 127.0.0.1 login %s password %s\n' $dav_user $dav_password >"$HOME/.netrc"
chmod 600 "$HOME/.netrc"
ships dav_tls "$here/netrc"
rm "$HOME/.netrc"

from_template
run 4 "$recover" runs --store "$(<"$nginx/dav")/$here/refused"
has "$err" 401
export RUNLOG_HTTP_USER=$dav_user
RUNLOG_HTTP_PASSWORD=wrong-password run 4 "$recover" runs --store "$(<"$nginx/dav")/$here/refused"
has "$err" 401
lacks "$err" wrong-password
[[ ! -e $nginx/data/$here/refused ]] || fail "something arrived"

# The answer is lost; the file is there.
export RUNLOG_HTTP_PASSWORD=$dav_password
fault "$(sed 's|.*:||' "$nginx/dav")" PUT 2 lose
run 0 "$recover" runs --store "$url/$here/lost"
diff -r plain "$nginx/data/$here/lost" >diff.txt || fail "other files: $(<diff.txt)"
equal "$(grep '^PUT .* 20[14]$' "$dir/requests" | sort | uniq -d)" "" "written twice"

pack=$(cd plain && find . -name '*.parquet' | sort | head -n 1)
mkdir -p "$(dirname "$nginx/data/$here/taken/$pack")"
echo "somebody else's" >"$nginx/data/$here/taken/$pack"
from_template
run 4 "$recover" runs --store "$(<"$nginx/dav")/$here/taken"
has "$err" 'exists with other bytes'
books runs/dead --killed "train/loss=$steps"
equal "$(<"$nginx/data/$here/taken/$pack")" "somebody else's"
[[ -n $(find runs -path '*/packs/*.parquet') ]] || fail "the pack is gone"

RUNLOG_RUN_ID=job RUNLOG_STORE=$(<"$nginx/dav_tls")/$here/job RUNLOG_SHIP_INTERVAL=100ms run 0 "$trainer" runs 1000 1
has_exactly "$nginx/data/$here/job" job 1000
