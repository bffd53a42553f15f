#!/usr/bin/env bash
# Has DuckDB read the packs that write_packs makes. In CTest's environment (tests/support/run_shell_test),
# or by hand: RUNLOG_WRITE_PACKS=<program> tests/judge/self_test.sh. Leaves packs/ in the current
# directory. Exit status 77: DuckDB is not installed, nothing was tested.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
write_packs=${RUNLOG_WRITE_PACKS:-${RUNLOG_BIN:?}/../tests/judge/write_packs}
rm -rf packs
"$write_packs" packs
node "$here/judge.mjs" packs "$here/cases.json"
