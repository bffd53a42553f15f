# A store that cannot be reached, refuses, breaks off or answers 503 has lost nothing: each command that
# reads says what it could not read, and the exit status is not that of a loss.
# needs: s3
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
server s3
s3=$dir port=$(<"$dir/port")
as_owner
cd "$TMPDIR"

# Of this run each pack comes in one request.
store_at() { s3_store "$1" "$here/one"; }
RUNLOG_STORE=$(store_at "$(<"$s3/url")") "$writer" runs odd
cannot_read "$(store_at http://127.0.0.1:1)" 127.0.0.1:1 'try again'
s3_error '503 Slow Down' SlowDown 'too many requests' >answer.txt
fault "$port" GET:.parquet -1 answer answer.txt
cannot_read "$(store_at "$url")" .parquet 503 SlowDown 'try again'
fault "$port" GET:.parquet -1 drop
cannot_read "$(store_at "$url")" .parquet 'try again'
s3_error '403 Forbidden' AccessDenied 'not you' >answer.txt
fault "$port" GET:.parquet -1 answer answer.txt
cannot_read "$(store_at "$url")" .parquet 403

# pull says the same by its own status: not everything is here yet.
fault "$port" GET:.parquet -1 drop
run 4 "$runlog" pull "$(store_at "$url")" copy-of-one
lacks "$err" damaged LOSS
run 0 "$runlog" pull "$(store_at "$(<"$s3/url")")" copy-of-one
run 0 "$runlog" cat --json copy-of-one
equal "$(lines "$out")" "$("$runlog" cat --json runs/odd | wc -l)"

# A transfer that breaks off goes on where it stopped.
fault "$port" GET:.parquet 1 cut 5000
run 0 "$runlog" verify "$(store_at "$url")"
has "$err" whole
