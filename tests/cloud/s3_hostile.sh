# Servers that are none, and networks that hardly are: nothing is lost, nothing grows, recovery ends
# when it was told to, and a job ends at its deadline.
# needs: s3
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
server s3
s3=$dir port=$(<"$dir/port")
as_owner
cd "$TMPDIR"
dead_journal dead 500 2
run 4 "$recover" runs --store "$(s3_store http://127.0.0.1:1 nowhere)" --timeout 0  # salvaged and packed
find runs -type f -name '*.parquet' -exec sha256sum {} + | sort >before

# waits STORE: recovery gives up after two seconds; the journal is as it was. The address space is
# bounded: an answer of ten gigabytes is not kept.
waits() {
  local code=0
  (ulimit -v 2000000 && exec "$recover" runs --store "$1" --timeout 2) >"$out" 2>"$err" || code=$?
  equal "$code" 4
  is_clean "$err"
  find runs -type f -name '*.parquet' -exec sha256sum {} + | sort | diff before - || fail "the packs changed"
}

for fault in garbage headers 'flood 10000000000' hang; do
  # shellcheck disable=SC2086  # a fault and its argument
  fault 1 any -1 $fault
  waits "$(s3_store "$url" "$here")"
  grep -qE "(HEAD|PUT) /" "$dir/requests" || [[ $fault == hang ]] || fail "$fault: nobody asked"
done
waits "$(s3_store http://127.0.0.1:1 "$here")"
waits "$(s3_store https://no-such-host.invalid "$here")"
has "$err" no-such-host.invalid
waits "$(s3_store "https://127.0.0.1:$port" "$here")" # speaks no TLS

# A job's end waits for nobody: its deadline holds, whatever the store does.
fault 1 any -1 hang
for store in "$(s3_store "$url" "$here")" "$(s3_store https://no-such-host.invalid "$here")"; do
  RUNLOG_STORE=$store RUNLOG_SHIP_INTERVAL=100ms RUNLOG_FINISH_DEADLINE=1s run 0 timeout 30 "$trainer" jobs 1000 1
done
for job in jobs/*; do books "$job" train/loss=1000; done
equal "$(find jobs -path '*/packs/*.parquet' | wc -l)" "$(find jobs -name '*.parquet' | wc -l)"

# 10 kB a second, and answers cut off while they are read: slow, and all there.
fault "$port" any -1 rate 10000
run 0 "$recover" runs --store "$(s3_store "$url" "$here")"
s3_download "$s3" "$here" got
has_exactly got dead "$steps" --killed
