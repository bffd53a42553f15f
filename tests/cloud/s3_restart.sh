# The server dies in the middle of an upload, and comes back. Recovery waits for it; so does a job,
# which meanwhile goes on.
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
own_server s3 start-s3
s3=$dir port=$(<"$dir/port")
as_owner
cd "$TMPDIR"

# Connections to radosgw, by the kernel's table: an upload is under way.
is_connected() { awk -v port="$(printf ':%04X' "$port")" '$4 == "01" && substr($3, length($3) - 4) == port { found = 1 } END { exit !found }' /proc/net/tcp; }

dead_journal dead 10000 3
fault "$port" PUT -1 rate 20000
store=$(s3_store "$url" dead)
"$recover" runs --store "$store" >"$out" 2>"$err" &
recovery=$!
wait_for "$dir/requests" PUT  # the first is small; the next is under way, and takes a while
until is_connected; do sleep 0.02; done
kill_server "$s3" radosgw || fail "radosgw was gone already"
"$servers/start-s3" --again "$s3"
wait $recovery || fail "recovery gave up"
s3_download "$s3" dead got
has_exactly got dead "$steps" --killed

# The journal must not have gone with the upload: twice the server dies while a job logs.
store=$(s3_store "$(<"$s3/url")" job)
RUNLOG_RUN_ID=job RUNLOG_STORE=$store RUNLOG_SEGMENT_BYTES=64KiB RUNLOG_SHIP_INTERVAL=100ms RUNLOG_FINISH_DEADLINE=60s \
  "$trainer" runs 2000 3 >job.log 2>"$err" &
job=$!
for step in 1000 4000; do
  wait_for job.log "logged $step"
  kill_server "$s3" radosgw || fail "radosgw was gone already"
  wait_for job.log "logged $((step + 1000))"
  "$servers/start-s3" --again "$s3"
done
wait $job || fail "the job failed"
run 0 "$recover" runs --run job
s3_download "$s3" job got
has_exactly got job 6000
books "$(run_in "$store" job)" train/loss=6000
equal "$(s3_names "$s3" job | wc -l)" "$(find got -type f | wc -l)"
