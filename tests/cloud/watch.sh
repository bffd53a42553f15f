# runlog-recover --watch looks every few moments; a store that asked for time, or that only its owner can
# mend, is not asked in each look. Other journals are not kept waiting.
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
as_owner
cd "$TMPDIR"
mkdir a b c  # a root each, or the writers that start would adopt the others' journals
answer '503 Slow Down' '' 'Retry-After: 300' >busy.txt
fault 1 any -1 answer busy.txt
busy=$url busy_dir=$dir
s3_error '403 Forbidden' AccessDenied 'no' >closed.txt
fault 1 any -1 answer closed.txt
closed=$url closed_dir=$dir

# dies ROOT STORE RUN_ID: a writer that leaves its journal to the watch.
dies() { RUNLOG_STORE=$2 RUNLOG_RUN_ID=$3 RUNLOG_SHIP_INTERVAL=1h "$victim" everything "$1" abort >"$3.txt" 2>&1 || true; }
dies a "$(s3_store "$busy" busy)" busy
dies b "$(s3_store "$closed" closed)" closed
"$recover" --watch --interval 0.05 a b c 2>words &
watch_pid=$!
# With what stands around it: hex digits and port numbers may be 503, too.
wait_for words ": 503;" $watch_pid
wait_for words s3:PutObject $watch_pid
# Each of these is shipped by a look of its own.
for look in 1 2 3; do
  dies c "$PWD/store" "look$look"
  wait_for words "look$look" $watch_pid
  [[ -n $(find "store/project=default/run_id=look$look" -name '*.end.json') ]] || fail "look$look is not in the store"
  books "$(run_in "$PWD/store" "look$look")" train/loss=100
done
kill -TERM $watch_pid
wait $watch_pid || true
books a/busy train/loss=100
books b/closed train/loss=100
equal "$(wc -l <"$busy_dir/requests")" 1 "requests to the store that was busy"
# In one look, for a few of its objects: one that is refused says nothing of the others.
asked=$(grep -c "^PUT" "$closed_dir/requests")
((asked >= 1 && asked <= 4)) || fail "$asked requests to the store that was closed"
equal "$(grep -c ": 503;" words)" 1 "lines about the one"
equal "$(grep -c s3:PutObject words)" 1 "lines about the other"
