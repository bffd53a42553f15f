# salvage: records out of a real core dump, when the files are gone. The kernel leaves shared file
# mappings, which segments are, out of a core unless /proc/self/coredump_filter has bit 3.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"

# crash FILTER: a job logs 15 steps, dumps core and dies; its journal is then removed.
crash() {
  rm -rf runs core* commands answers
  mkfifo commands
  (
    echo "$1" >/proc/self/coredump_filter
    ulimit -c unlimited
    exec "$writer" runs live <commands >answers
  ) &
  local pid=$!
  exec 3>commands
  for i in {1..5}; do echo >&3; done
  until [[ $(wc -l <answers) == 6 ]]; do :; done # "ready" and five steps
  if [[ ${2:-} == gcore ]]; then
    gcore -o core "$pid" >gcore.out 2>&1 || true
    kill -KILL "$pid"
  else
    kill -SEGV "$pid"
  fi
  wait "$pid" || true
  exec 3>&-
  rm -rf runs
}

crash 0x3b
core=$(find . -maxdepth 1 -name 'core*' | head -1)
if [[ -z $core ]]; then
  echo 'skipped: this kernel leaves no core file here (core_pattern, or a limit)'
  exit 77
fi
run 0 "$runlog" salvage "$core" --json --name train/loss
equal "$(lines "$out")" 15 'records in the core'
has "$out" '"step":14'
has "$err" 'found'

# With the kernel's default filter the segments are not in it: nothing is found, and it says so.
crash 0x33
core=$(find . -maxdepth 1 -name 'core*' | head -1)
[[ -n $core ]] || fail 'no second core'
run 1 "$runlog" salvage "$core"
has "$err" 'no runlog segments'

# gdb's gcore, of a process that still runs, keeps to the same filter.
needs gcore gdb
crash 0x3b gcore
core=$(find . -maxdepth 1 -name 'core*' | head -1)
[[ -n $core ]] || fail "gcore made no file: $(cat gcore.out)"
run 0 "$runlog" salvage "$core" --json --name train/loss
equal "$(lines "$out")" 15 'records in the core of gcore'
