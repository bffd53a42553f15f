# Four recoveries at once: of one journal, where the lock lets one work; and of four copies of it, as
# of a disk that was cloned, where only the server can tell who was first. Either way each object is
# created once, and all four find the journal shipped.
# needs: s3
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
server s3
s3=$dir
as_owner
cd "$TMPDIR"
dead_journal dead 3000 3

# race STORE ROOT…: all at once.
race() {
  local store=$1 root pids=() pid
  shift
  for root; do
    "$recover" "$root" --store "$store" >"out-${#pids[@]}" 2>"err-${#pids[@]}" &
    pids+=($!)
  done
  codes=
  for pid in "${pids[@]}"; do
    local code=0
    wait "$pid" || code=$?
    codes+="$code "
  done
}

# once: what the proxy's list of requests says.
once() {
  equal "$(grep '^PUT .* 200$' "$dir/requests" | sort | uniq -d)" "" "created twice"
  s3_download "$s3" "$here/$1" got
  equal "$(grep -c '^PUT .* 200$' "$dir/requests")" "$(find got -type f | wc -l)" "objects created"
  has_exactly got dead "$steps" --killed
  books "$(run_in "$(s3_store "$(<"$s3/url")" "$here/$1")" dead)" --killed "train/loss=$steps"
}

run 4 "$recover" runs --store "$(s3_store http://127.0.0.1:1 nowhere)" --timeout 0  # salvaged and packed
for copy in 1 2 3 4; do cp -r runs copy-$copy; done

fault "$(<"$s3/port")" any -1 pass
race "$(s3_store "$url" "$here/one")" runs runs runs runs
run 0 "$recover" runs --store "$(s3_store "$url" "$here/one")"
once one

fault "$(<"$s3/port")" any -1 pass
race "$(s3_store "$url" "$here/copies")" copy-{1,2,3,4}
equal "$codes" "0 0 0 0 "
once copies
