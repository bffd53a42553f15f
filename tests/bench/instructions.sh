#!/usr/bin/env bash
# instructions.sh PROGRAM [--write]: how many instructions a record costs to append, to verify where
# it lies, to read (walk) and to pack, counted by callgrind and compared with instructions.txt: more
# than 5 % above it is a failure.
# Counts do not depend on the machine's speed or load, but on compiler and flags: the numbers are
# for g++ 12 and the release preset. --write puts today's numbers there.
set -euo pipefail
shopt -s inherit_errexit  # a count that fails ends the test
program=$1
here=$(dirname "${BASH_SOURCE[0]}")
expected=$here/instructions.txt
command -v valgrind >/dev/null || { echo "instructions.sh: no valgrind" >&2; exit 77; }
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# Instructions of the whole process. The C library chooses its memcpy by the CPU, so what it does is
# left out: the part's own code is what is guarded.
count() {
  valgrind --tool=callgrind --callgrind-out-file="$out" "$program" "$1" "$2" >/dev/null 2>&1 ||
    { echo "instructions.sh: $program $1 $2 failed under valgrind" >&2; exit 1; }
  callgrind_annotate --threshold=100 --show=Ir "$out" 2>/dev/null |
    awk '/\[.*\/instructions\]/ { gsub(",", "", $1); sum += $1 } END { printf "%d\n", sum }'
}

# Per 100 records: the difference of two runs, so that start and end of the process do not count.
per_100() {
  local few many
  few=$(count "$1" 5000)
  many=$(count "$1" 35000)
  echo $(((many - few) / 300))
}

fill=$(per_100 fill)
status=0
written=
for part in append verify walk pack; do
  now=$(per_100 "$part")
  # All others fill a segment first; only what they do with it counts.
  [ $part = append ] || now=$((now - fill))
  written+="$part $now"$'\n'
  wanted=$(awk -v part=$part '$1 == part { print $2 }' "$expected" 2>/dev/null || true)
  if [ "${2:-}" = --write ]; then
    echo "$part: $now instructions per 100 records"
  elif [ -z "$wanted" ]; then
    echo "$part: $now instructions per 100 records; instructions.txt has no number" >&2
    status=1
  elif [ "$now" -gt $((wanted + wanted / 20)) ]; then
    echo "$part: $now instructions per 100 records; $wanted are committed: more than 5 % above" >&2
    status=1
  else
    echo "$part: $now instructions per 100 records ($wanted committed)"
  fi
done
if [ "${2:-}" = --write ]; then
  { echo "# Per 100 records; see instructions.sh. g++ 12, release preset."; printf '%s' "$written"; } >"$expected"
fi
exit $status
