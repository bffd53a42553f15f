# Wrong usage: exit 2, one line that says what to do, nothing on stdout. Help fits a screen.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"

wrong() {
  run 2 "$@"
  equal "$(lines "$out")" 0
  equal "$(lines "$err")" 1
  has "$err" --help
}
mkdir runs
wrong "$runlog"
wrong "$runlog" frobnicate
wrong "$runlog" ls --frobnicate
wrong "$runlog" cat
wrong "$runlog" cat runs --json --csv
wrong "$runlog" cat runs --steps 5:3
wrong "$runlog" cat runs --steps a:b
wrong "$runlog" cat runs --since yesterday
wrong "$runlog" cat runs --since 2026-13-01
wrong "$runlog" cat runs --kind metric,frob
has "$err" histogram
wrong "$runlog" cat runs --rank x
wrong "$runlog" tail -n x runs
wrong "$runlog" tail -n -1 runs
wrong "$runlog" pull store
wrong "$runlog" doctor
wrong "$recover"
for amount in x nan inf 1e30 -1 0x1p99 ''; do
  wrong "$recover" --timeout "$amount" runs
  wrong "$recover" --watch --interval "$amount" runs
done
for moment in 3e6h 1e300s nanh infd -1h 9999-01-01; do wrong "$runlog" cat runs --since "$moment"; done
wrong "$recover" --interval 1 runs
wrong "$recover" -q -v runs
wrong "$recover" $'--x\x1b[31m' runs
is_clean "$err"

fits() {
  run 0 "$@"
  (($(lines "$out") <= 24)) || fail "$(lines "$out") lines: $*"
  while IFS= read -r line; do ((${#line} <= 100)) || fail "wider than 100: $line"; done <"$out"
}
for program in "$runlog" "$recover"; do
  for option in -h --help; do fits "$program" $option; done
  for option in -V --version; do
    run 0 "$program" $option
    grep -qE "^$(basename "$program") [0-9]+\.[0-9]+" "$out" || fail version
  done
done
for subcommand in $(subcommands); do fits "$runlog" $subcommand -h; done
