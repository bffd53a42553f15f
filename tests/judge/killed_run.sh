# DuckDB reads the store of a job that was killed and recovered, and finds every record once.
set -euo pipefail
[[ -n ${RUNLOG_JUDGE:-} ]] || { echo "RUNLOG_JUDGE is not set: no DuckDB here"; exit 77; }
cd "$TMPDIR"

RUNLOG_RUN_ID=judged RUNLOG_PROJECT=court "$RUNLOG_VICTIMS/writer" everything runs kill || true
"$RUNLOG_BIN/runlog-recover" runs --store store -q
answer=$(node "$RUNLOG_SOURCE/tests/judge/judge.mjs" store "
  SELECT project, run_id, CAST(rank AS INT) AS rank, count(*) AS records,
         count(DISTINCT (lane, seq)) AS distinct_records,
         count(*) FILTER (name = 'train/loss') AS losses,
         min(step) FILTER (name = 'train/loss') AS first, max(step) FILTER (name = 'train/loss') AS last,
         round(sum(value) FILTER (name = 'train/loss'), 9) AS total
  FROM packs GROUP BY ALL")
expected='["court","judged",0,"106","106","100","0","99",5.187377518]'
[[ $answer == "$expected" ]] || { printf 'DuckDB says  %s\nexpected     %s\n' "$answer" "$expected"; exit 1; }
