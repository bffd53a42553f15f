# shellcheck shell=bash
# Helpers for the tests with DuckDB. Not a test. Sourced with
#   source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
set -euo pipefail
[[ -n ${RUNLOG_JUDGE:-} ]] || { echo "RUNLOG_JUDGE is not set: no DuckDB here"; exit 77; }
cd "$TMPDIR"
unset RUNLOG_ROOT RUNLOG_STORE RUNLOG_RUN_ID RUNLOG_RANK

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}

# equal A B [WHAT]
equal() { [[ $1 == "$2" ]] || fail "'$1' is not '$2'${3:+: $3}"; }

# ask DIR SQL: a line of JSON for each row.
ask() { node "$RUNLOG_SOURCE/tests/judge/judge.mjs" "$@"; }

# split_page: of docs/queries.md the SQL of the n-th block into n.sql, the table behind it, without its
# head, into n.table. The first is the view that the others use.
split_page() {
  awk '
    /^## Which engines/ { exit }
    /^```sql$/ { ++n; in_sql = 1; next }
    /^```$/ { in_sql = 0; next }
    in_sql { print > (n ".sql"); next }
    /^\|[-:| ]+\|$/ { in_table = 1; next }
    in_table && /^\|/ { print > (n ".table"); next }
    { in_table = 0 }
  ' "$RUNLOG_SOURCE/docs/queries.md"
}
