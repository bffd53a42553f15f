# What doctor says of real servers: certificates, clocks, permissions, conditions. What is wrong is one
# line with its remedy, and what only looks wrong does not stop anybody.
# needs: s3 nginx ca
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
need_program faketime faketime
server ca
ca=$dir
server s3
s3=$dir
server nginx
nginx=$dir
as_owner
cd "$TMPDIR"

# says CODE VERDICT CHECK TEXT…: doctor's last screen has that line with the texts.
says() {
  local line
  line=$(grep -e "^$1 *$2 " "$out") || fail "no line '$1 $2'"
  shift 2
  for text; do [[ $line == *"$text"* ]] || fail "no '$text' in: $line"; done
}
is_well() { lacks "$out" BAD warn; }

# TLS: a CA nobody knows, a certificate for another name, a file of CAs that is none or not there.
tls=$(s3_store "$(<"$nginx/s3_tls")" "$here/tls")
run 1 "$runlog" doctor "$tls"
says BAD connection certificate
has "$out" RUNLOG_CA_BUNDLE
says - create
RUNLOG_CA_BUNDLE=$ca/ca.pem run 0 "$runlog" doctor "$tls"
is_well
says ok connection 'its certificate is good'
RUNLOG_CA_BUNDLE=$ca/ca.pem run 1 "$runlog" doctor "${tls/127.0.0.1/127.0.0.2}"
says BAD connection certificate
echo 'not a certificate' >no.pem
for bundle in "$PWD/no.pem" "$PWD/missing.pem"; do
  RUNLOG_CA_BUNDLE=$bundle run 1 "$runlog" doctor "$tls"
  says BAD connection "$bundle"
done

# The clock: told, and corrected for signatures, so that everything else is well.
plain=$(s3_store "$(<"$s3/url")" "$here/clock")
run 0 "$runlog" doctor "$plain"
is_well
says ok clock agrees
for off in '+20m ahead' '-180m behind'; do
  FAKETIME_DONT_FAKE_MONOTONIC=1 run 0 faketime -f "${off% *}" "$runlog" doctor "$plain"
  lacks "$out" BAD
  says warn clock seconds "${off#* }" "server's"
  has "$out" NTP
  says ok create created
done

# A server without conditional PUT, and one that takes nothing.
run 0 "$runlog" doctor "$(s3_store "$(<"$nginx/s3_unconditional")" "$here/unconditional")"
lacks "$out" BAD
says ok overwrite refused
run 1 "$runlog" doctor "$(s3_store "$(<"$nginx/s3_read_only")" "$here/read_only")"
says BAD create 403

# WebDAV: with a password, with a wrong one, and a server that is none.
dav=$(<"$nginx/dav")/$here
RUNLOG_HTTP_USER=$dav_user RUNLOG_HTTP_PASSWORD=$dav_password run 0 "$runlog" doctor "$dav"
lacks "$out" BAD
RUNLOG_HTTP_USER=$dav_user RUNLOG_HTTP_PASSWORD=wrong-password run 1 "$runlog" doctor "$dav"
says BAD create 401
lacks "$out" wrong-password
fault 1 any -1 garbage
run 1 "$runlog" doctor "$url/$here"
says BAD connection
equal "$(find "$nginx/data/$here" -type f 2>/dev/null | wc -l)" 0 "files that doctor left"
