# The books of four threads close by DuckDB alone: of a job that was killed while it dropped, and whose
# packs were then damaged, what is in the store, told there as dropped and told as damaged is what had
# returned, and is what `runlog verify` says.
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
threads=4
# shellcheck disable=SC2046  # one pid per word
trap 'kill -KILL $(jobs -p) 2>/dev/null || true' EXIT

# look: how many calls of each thread have returned into `calls`, see support/acknowledged.hpp; their sum
# into `sum`.
look() {
  local one
  read -ra calls <<<"$(od -An -v -t u8 -w64 -N $((8 * threads)) notes 2>/dev/null)" || true
  sum=0
  for one in "${calls[@]}"; do sum=$((sum + one)); done
}

# So many calls that the budget of 64 segments has been used up, and so many packs that some of them were
# full before that: no thread's first, and without a gap.
RUNLOG_SEGMENT_BYTES=64KiB RUNLOG_PACK_BYTES=64KiB RUNLOG_DISK_BUDGET=4MiB RUNLOG_SHIP_INTERVAL=100ms \
  "$RUNLOG_VICTIMS/killable" runs notes $threads tight plain 4000000000 2>stderr &
job=$!
packs_made() { find runs -path '*/packs/*.parquet' | wc -l; }
look
until ((sum >= 400000 && $(packs_made) >= 12)); do
  kill -0 $job || fail "the job ended by itself"
  look
done
kill -KILL $job
wait $job 2>/dev/null || true
look
equal ${#calls[@]} $threads threads
cp -r runs damaged

split_page
question=$(grep -l runlog.damage ./*.sql)

# closes STORE: after which `dropped` and `damaged` are what DuckDB has found there.
closes() {
  local thread records numbers last first told count twice there=0
  # Of each thread: its records, different numbers among them, the highest, and the drops that are told
  # in lanes which nobody else logs to. Every eighth number is a text.
  ask "$1" "$(sed "s|'store/|'$1/|" 1.sql)
    CREATE VIEW entries AS
      SELECT session, lane, coalesce(step, CAST(regexp_extract(text, ' ([0-9]+)\$', 1) AS BIGINT)) AS number,
             CASE kind WHEN 'metric' THEN name ELSE regexp_extract(text, '^(.*) [0-9]+\$', 1) END AS thread
      FROM packs WHERE kind IN ('metric', 'text');
    CREATE VIEW owners AS
      SELECT session, lane, min(thread) AS thread FROM entries
      GROUP BY session, lane HAVING count(DISTINCT thread) = 1;
    SELECT thread, count(*), count(DISTINCT number), max(number), min(number),
           coalesce((SELECT sum(int_value) FROM packs JOIN owners USING (session, lane)
                     WHERE kind = 'gap' AND owners.thread = entries.thread), 0)
    FROM entries GROUP BY thread ORDER BY thread" | tr -d '[]"' >entries
  while IFS=, read -r thread records numbers last first told; do
    [[ $thread == slot/[0-3] ]] || fail "nobody logs as $thread"
    count=${calls[${thread#slot/}]}
    equal "$records" "$numbers" "different records of $thread"
    # Of each thread one call may have arrived that had not returned.
    ((first >= 0 && last <= count)) || fail "$thread: $first to $last of $count"
    ((records + told <= count + 1)) || fail "$thread: $records kept and $told told of $count"
    there=$((there + records))
  done <entries

  # The page's own question.
  IFS=, read -r _ _ records twice dropped damaged <<<"$(
    ask "$1" "$(sed "s|'store/|'$1/|" 1.sql "$question")" | tr -d '[]"')"
  equal "$twice" 0 "records twice"
  ((records >= there)) || fail "$records records, $there of the threads"
  ((there + dropped + damaged >= sum && there + dropped + damaged <= sum + threads)) ||
    fail "$1: acknowledged $sum, there $there, told as dropped $dropped, as damaged $damaged"
  # By `runlog verify`.
  local code=0
  "$RUNLOG_BIN/runlog" verify --json "$1" >verified || code=$?
  equal $code 3 "verify, where something is missing"
  equal "$(told_by_verify dropped)" "$dropped" "dropped, by verify"
  equal "$(told_by_verify damage)" "$damaged" "damaged, by verify"
  "$RUNLOG_BOOKS" "$1" --notes notes --dropped "$dropped" --damaged || fail "our own books"
}
told_by_verify() { sed -n "s/^{\"what\":\"$1\".*\"records\":\([0-9]*\),.*/\1/p" verified | awk '{ sum += $1 } END { print sum + 0 }'; }

code=0
"$RUNLOG_BIN/runlog-recover" runs --store whole -q >table 2>&1 || code=$?
equal $code 3 "recover, where drops are told"
closes whole
((dropped > 0)) || fail "nothing was dropped"
equal "$damaged" 0

# A pack that has records of the threads only: what is lost with a gap is told as one record.
pack=$(ask damaged "
  SELECT filename FROM read_parquet('\$ROOT/**/*.parquet', filename = true)
  GROUP BY filename HAVING bool_and(kind IN ('metric', 'text')) ORDER BY filename LIMIT 1" | tr -d '[]"')
[[ -n $pack ]] || fail "no pack to damage"
printf XXXXXXXX | dd of="$pack" bs=1 seek=300 conv=notrunc status=none
code=0
"$RUNLOG_BIN/runlog-recover" damaged --store hurt -q >table 2>&1 || code=$?
equal $code 3 "recover, of damage"
dropped_of_whole=$dropped
closes hurt
equal "$dropped" "$dropped_of_whole" "dropped, with and without damage"
((damaged > 0)) || fail "nothing was damaged"
