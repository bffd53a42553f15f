# What the answer to a PUT means, each answer once: made by radosgw where it has it, else by the
# proxy in front of it. Whatever the answer, the bucket ends with the same objects, each created once.
# needs: s3 nginx
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
server nginx
nginx=$dir
server s3
s3=$dir port=$(<"$dir/port")
as_owner
cd "$TMPDIR"
packed_template 1000
from_template
run 0 "$recover" runs --store plain
has_exactly plain dead "$steps" --killed
(cd plain && find . -type f | sort) >names

# ships STORE PREFIX: recovery of a copy of the journal ends with what `plain` has.
ships() {
  from_template
  run 0 "$recover" runs --store "$1"
  s3_download "$s3" "$2" got
  diff -r plain got >diff.txt || fail "other objects at $2: $(<diff.txt)"
}

# survives METHOD COUNT FAULT [ARGUMENT]: by a proxy. Each name is created once.
number=0
survives() {
  fault "$port" "$@"
  number=$((number + 1))
  ships "$(s3_store "$url" "$here/$number")" "$here/$number"
  equal "$(grep '^PUT .* 200$' "$dir/requests" | sort | uniq -d)" "" "created twice"
  equal "$(grep -c '^PUT .* 200$' "$dir/requests")" "$(lines names)" "objects created"
  grep -q " $3 " "$dir/requests" || fail "no $3 happened"
}

# The answer is lost; the object is there. The repeated PUT finds it. (One more may come from the look
# whether the server has conditions at all, after an object that went through.)
found_again() {
  local count
  count=$(grep -c " $1\$" "$dir/requests")
  [[ $count == 2 || $count == 3 ]] || fail "$count answers of $1"
}
survives PUT 2 lose
found_again 412
survives PUT 2 drop
found_again 412
survives PUT 1 cut 20
survives PUT 2 reset 100

# Not now.
s3_error '409 Conflict' ConditionalRequestConflict 'try again' >answer.txt
survives PUT 2 answer answer.txt
s3_error '503 Slow Down' SlowDown 'too many requests' 'Retry-After: 1' >answer.txt
survives PUT 2 answer answer.txt
s3_error '429 Too Many Requests' TooManyRequests 'too many requests' >answer.txt
survives PUT 1 answer answer.txt
answer '500 Internal Server Error' '<html>oops' >answer.txt
survives PUT 1 answer answer.txt

# Elsewhere: signed again for that region, once.
s3_error '301 Moved Permanently' PermanentRedirect 'elsewhere' 'x-amz-bucket-region: eu-north-1' >answer.txt
survives PUT 1 answer answer.txt

# 200 from something that is no store: not believed, said, and kept.
answer '200 OK' 'welcome to our wifi' >answer.txt
fault "$port" PUT 1 answer answer.txt
from_template
store=$(s3_store "$url" "$here/wifi")
run 4 "$recover" runs --store "$store"
has "$err" 'is the URL that of a store?'
run 0 "$recover" runs --store "$store"
s3_download "$s3" "$here/wifi" got
diff -r plain got >diff.txt || fail "other objects: $(<diff.txt)"

# No conditional PUT: looked for first, and said so.
ships "$(s3_store "$(<"$nginx/s3_unconditional")" "$here/old")" "$here/old"
has "$err" 'conditional PUT'
s3_error '400 Bad Request' InvalidArgument 'If-None-Match is not supported here' >answer.txt
survives PUT 1 answer answer.txt

# A storm: most requests are refused, with Retry-After.
ships "$(s3_store "$(<"$nginx/s3_storm")" "$here/storm")" "$here/storm"

# There already, with these bytes: shipped. By somebody else, who lets us write but not look: shipped,
# with a note. (Objects of one's own radosgw lets one look at whatever the policy.)
cat >policy.json <<POLICY
{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam:::user/other"]},
 "Action": ["s3:PutObject"], "Resource": ["arn:aws:s3:::$s3_bucket/$here/shared/*"]}]}
POLICY
s3_request "$s3" PUT "$s3_bucket?policy=" policy.json || fail "no policy can be set"
shared=$(s3_store "$(<"$s3/url")" "$here/shared")
ships "$shared" "$here/shared"
ships "$shared" "$here/shared"
as_other
ships "$shared" "$here/shared"
has "$err" 'may not look'

# There already, with other bytes: never overwritten, said, kept.
as_owner
pack=$(grep -m 1 parquet names)
echo "somebody else's" >other.txt
s3_request "$s3" PUT "$s3_bucket/$here/taken/$(sed 's|^\./||; s/=/%3D/g' <<<"$pack")" other.txt || fail "no PUT"
from_template
run 4 "$recover" runs --store "$(s3_store "$(<"$s3/url")" "$here/taken")"
has "$err" 'exists with other bytes' 'nothing was overwritten'
lacks "$err" 'trying again'
s3_download "$s3" "$here/taken" got
equal "$(<"got/$pack")" "somebody else's"
cmp plain/"$pack" runs/dead/*/packs/"$(basename "$pack" | sed 's/.*-//')" || fail "the pack is gone"
