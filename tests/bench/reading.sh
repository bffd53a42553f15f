#!/usr/bin/env bash
# How much memory and time it takes to read packs, 1 GiB and 10 GiB of them. Prints a table; checks nothing.
#   tests/bench/reading.sh BUILD_DIR SCRATCH_DIR [GIB…]
# BUILD_DIR: of the bench preset. SCRATCH_DIR: needs as much room as the largest GIB, and is tidied up.
# RssAnon is memory of the process's own; RssFile are pages of the packs that are mapped, which the kernel
# takes back when it wants to. Both are the highest of samples 20 ms apart; `peak` is what the kernel says.
set -euo pipefail
build=$(cd "$1" && pwd)
mkdir -p "$2"
scratch=$(cd "$2" && mktemp -d "$PWD/reading.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
sizes=("${@:3}")
((${#sizes[@]})) || sizes=(1 10)

# status PID KEY: a number in KiB, 0 when it has gone.
status() { sed -n "s/^$2:[^0-9]*\([0-9]*\).*/\1/p" "/proc/$1/status" 2>/dev/null || true; }

printf '%-8s %-8s %9s %12s %12s %12s\n' packs command 'wall s' 'peak KiB' 'RssAnon KiB' 'RssFile KiB'
for gib in "${sizes[@]}"; do
  "$build/bench/packs" "$scratch/store" "$gib" >&2
  for command in ls stat cat verify; do
    # cat writes as it reads; nobody is to wait for a disk.
    "$build/bin/runlog" $command "$scratch/store" >/dev/null 2>"$scratch/err" &
    pid=$!
    anon=0 file=0 peak=0
    start=$EPOCHREALTIME
    while [[ $(status $pid VmHWM) ]]; do
      now=$(status $pid RssAnon) && ((${now:-0} <= anon)) || anon=$now
      now=$(status $pid RssFile) && ((${now:-0} <= file)) || file=$now
      now=$(status $pid VmHWM) && ((${now:-0} <= peak)) || peak=$now
      sleep 0.02
    done
    wall=$(awk "BEGIN { printf \"%.2f\", $EPOCHREALTIME - $start }")
    wait $pid || cat "$scratch/err" >&2
    printf '%-8s %-8s %9s %12s %12s %12s\n' "${gib}GiB" "$command" "$wall" "$peak" "$anon" "$file"
  done
  rm -rf "$scratch/store"
done
