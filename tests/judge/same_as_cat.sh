# DuckDB's rows of a store and the lines of `runlog cat --json` are the same records, every kind of
# them: of two ranks that ended and one that was killed, and of a child run of each of the two.
set -euo pipefail
[[ -n ${RUNLOG_JUDGE:-} ]] || { echo "RUNLOG_JUDGE is not set: no DuckDB here"; exit 77; }
cd "$TMPDIR"
unset RUNLOG_ROOT
judge() { node "$RUNLOG_SOURCE/tests/judge/judge.mjs" "$@"; }

export RUNLOG_PROJECT=court RUNLOG_RUN_ID=judged RUNLOG_STORE=$TMPDIR/store
for rank in 0 1; do
  RUNLOG_RANK=$rank RUNLOG_SHIP_INTERVAL=100ms "$RUNLOG_VICTIMS/every_kind" runs
done
RUNLOG_RANK=2 "$RUNLOG_VICTIMS/writer" everything runs kill || true
"$RUNLOG_BIN/runlog-recover" runs -q

# The time of a row is whole microseconds, because DuckDB has no UTC nanoseconds; that of a line has
# nanoseconds. `value` of a line is a number, or else the text: see append_json in reader.hpp.
compare="
  CREATE VIEW shown AS SELECT * FROM read_json('shown.jsonl', format = 'newline_delimited',
    maximum_object_size = 4000000, columns = {
      't': 'BIGINT', 'run': 'VARCHAR', 'rank': 'INTEGER', 'session': 'VARCHAR', 'lane': 'INTEGER',
      'seq': 'BIGINT', 'kind': 'VARCHAR', 'name': 'VARCHAR', 'step': 'BIGINT', 'value': 'JSON',
      'text': 'VARCHAR', 'payload': 'VARCHAR'});
  CREATE VIEW stored AS SELECT *, parse_filename(filename)[1:32] AS session
    FROM read_parquet('store/**/*.parquet', hive_partitioning = true, filename = true,
      hive_types = {'project': VARCHAR, 'run_id': VARCHAR, 'rank': INTEGER});
  CREATE VIEW pairs AS SELECT
      r.seq IS NOT NULL AND s.seq IS NOT NULL
      AND project = 'court' AND r.run_id = s.run AND r.rank = s.rank
      AND r.kind = s.kind AND r.name = s.name
      AND epoch_us(r.time) = s.t // 1000
      AND r.step IS NOT DISTINCT FROM s.step
      AND lower(hex(r.payload)) IS NOT DISTINCT FROM s.payload
      AND CASE
            WHEN r.value IS NOT NULL THEN r.int_value IS NULL AND r.value = CAST((s.value->>'\$') AS DOUBLE)
            WHEN r.int_value IS NOT NULL THEN r.int_value = CAST((s.value->>'\$') AS BIGINT)
            WHEN r.text IS NOT NULL THEN r.text = (s.value->>'\$')
            ELSE s.value IS NULL
          END
      AND (coalesce(r.value, r.int_value) IS NULL OR r.text IS NOT DISTINCT FROM s.text) AS is_same,
      coalesce(r.kind, s.kind) AS kind, coalesce(r.seq, s.seq) AS seq, coalesce(r.name, s.name) AS name
    FROM stored r FULL JOIN shown s
      ON r.session = s.session AND r.lane = s.lane AND r.seq = s.seq;"

equal() { [[ $1 == "$2" ]] || { printf '%s: %s\nexpected: %s\n' "$3" "$1" "$2"; exit 1; }; }

"$RUNLOG_BIN/runlog" cat --json store >shown.jsonl
equal "$(judge store "$compare SELECT kind, name, seq FROM pairs WHERE is_same IS NOT TRUE LIMIT 5")" '' 'these differ'
equal "$(judge store "$compare SELECT count(*) FROM pairs")" "[\"$(wc -l <shown.jsonl)\"]" 'records'
equal "$(judge store "$compare SELECT string_agg(DISTINCT kind, ' ' ORDER BY kind) FROM pairs")" \
  '["child file gap histogram image json list metric param property rewind row spill status table tag tag_removed text"]' 'kinds'

# The comparison sees a difference: one in a value, one missing line.
sed -e '0,/"name":"hot","step":123,/s/\("name":"hot","step":123,"value":\)[0-9.]*/\117.5/' -e '200d' \
  shown.jsonl >other.jsonl
mv other.jsonl shown.jsonl
equal "$(judge store "$compare SELECT count(*) FROM pairs WHERE is_same IS NOT TRUE")" '["2"]' 'differences made'

# The journals the store was shipped from show the same lines.
"$RUNLOG_BIN/runlog" cat --json store >shown.jsonl
"$RUNLOG_BIN/runlog" cat --json runs | cmp - shown.jsonl
