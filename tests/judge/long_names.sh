# A name too long for a bound of its row group is found by an engine that asks for it: half a bound would
# have the engine skip the rows.
set -euo pipefail
[[ -n ${RUNLOG_JUDGE:-} ]] || { echo "RUNLOG_JUDGE is not set: no DuckDB here"; exit 77; }
cd "$TMPDIR"
unset RUNLOG_ROOT RUNLOG_STORE RUNLOG_RUN_ID RUNLOG_RANK

# The highest name of its pack, of 200 bytes.
"$RUNLOG_VICTIMS/cli_writer" runs hostile
"$RUNLOG_BIN/runlog-recover" runs --store store -q
answer=$(node "$RUNLOG_SOURCE/tests/judge/judge.mjs" store "
  SELECT count(*), max(value) FROM packs WHERE name = repeat('z', 200)")
[[ $answer == '["1",5]' ]] || { printf 'DuckDB says %s\n' "$answer"; exit 1; }
