# Fifty jobs are killed at random points while they log and ship; each start also adopts what the ones
# before left behind. After one recovery the bucket has exactly what was acknowledged, once each.
# needs: s3
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
[[ -n ${RUNLOG_JUDGE:-} ]] || skip "RUNLOG_JUDGE is not set: no DuckDB here"
server s3
s3=$dir
as_owner
cd "$TMPDIR"
export RUNLOG_STORE RUNLOG_SHIP_INTERVAL=100ms RUNLOG_SYNC_INTERVAL=20ms RUNLOG_SEGMENT_BYTES=64KiB
fault "$(<"$s3/port")" any -1 pass  # which notes every request
RUNLOG_STORE=$(s3_store "$url" "$here")

for number in {1..50}; do
  # 100 ms is when the first pack is shipped; most die around then.
  RUNLOG_RUN_ID=kill-$number "$trainer" runs 5000 0 >"job-$number.log" &
  wait_for "job-$number.log" "logged $((RANDOM % 1200))" $!
  kill -KILL $!
  wait $! 2>/dev/null || true
done
by_jobs=$(grep -c '^PUT .*parquet pass 200$' "$dir/requests") || fail "no job shipped anything: they die too soon"
run 0 "$recover" runs
run 0 "$recover" runs

equal "$(grep '^PUT .* 200$' "$dir/requests" | sort | uniq -d)" "" "created twice"
s3_download "$s3" "$here" got
run 0 "$runlog" verify got
node "$RUNLOG_SOURCE/tests/judge/judge.mjs" got "
  SELECT run_id, count(*), count(DISTINCT step), max(step) + 1 FROM packs WHERE name = 'train/loss' GROUP BY ALL" |
  tr -d '[]"' >found
for number in {1..50}; do
  steps=$(($(acknowledged "job-$number.log") + 1))
  IFS=, read -r _ count distinct end <<<"$(grep "^kill-$number," found)"
  # The last call may have returned, and the process died before it could say so.
  ((count == steps || count == steps + 1)) || fail "kill-$number: $count records of $steps"
  [[ $count == "$distinct" && $count == "$end" ]] || fail "kill-$number: $count records, $distinct steps up to $end"
  books "$(run_in got "kill-$number")" --killed "train/loss=$steps"
done
(($(find runs -path '*/packs/*.parquet' | wc -l) == 0)) || fail "packs wait"
echo "$by_jobs packs were shipped by jobs, $(($(find got -name '*.parquet' | wc -l) - by_jobs)) by the recovery"
