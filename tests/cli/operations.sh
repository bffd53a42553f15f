# The scripts of docs/operations.md, taken from the page, with stand-ins for what a cluster has: the
# sidecar's command, the Slurm batch script, and the epilog.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"
page=$RUNLOG_SOURCE/docs/operations.md
export PATH=$RUNLOG_BIN:$TMPDIR/stand-ins:$PATH
mkdir stand-ins

# part BEGIN END: the lines of the page from the first that matches BEGIN to the next END, without it.
part() { awk -v begin="$1" -v end="$2" '$0 ~ begin { on = 1 } on && $0 ~ end { exit } on' "$page"; }
has_ended() { [[ -n $(find "$1" -name '*.end.json') ]]; }

# The sidecar: told to end, it looks once more. The volume is a directory here.
part '^ *runlog-recover --watch /runs' 'volumeMounts' | sed "s| /runs| $TMPDIR/runs|g" >sidecar
equal "$(lines sidecar)" 2
# An interval that never comes: of two journals the first look ships one, the last look the other.
sed -i 's/--watch/--watch --interval 3600/' sidecar
export RUNLOG_STORE=$TMPDIR/store
"$writer" runs crash || true
sh sidecar 2>words &
sidecar_pid=$!
until has_ended store; do kill -0 "$sidecar_pid"; done
RUNLOG_RANK=1 "$writer" runs crash || true
kill -TERM "$sidecar_pid"
wait "$sidecar_pid" || fail 'the sidecar failed'
equal "$(find store -name '*.end.json' | wc -l)" 2
unset RUNLOG_STORE

# Slurm: srun runs its command once, with the variables of a task.
cat >stand-ins/srun <<'S'
#!/bin/bash
while [[ $1 == --* ]]; do shift; done
SLURM_PROCID=0 SLURM_NTASKS=1 exec "$@"
S
chmod +x stand-ins/srun
printf '#!/bin/sh\nexec "%s" "$RUNLOG_ROOT" crash\n' "$writer" >trainer
chmod +x trainer
part '^#!/bin/bash' '^```' | sed "s|/local/\$USER|$TMPDIR/local/somebody|; s|/project/metrics|$TMPDIR/metrics|" >batch
export SLURM_JOB_ID=crash SLURM_NNODES=1
run 137 bash batch
has "$err" shipped
has_ended metrics || fail 'the batch script shipped nothing'

# The epilog, as root with runuser. The job was cancelled before its script could recover.
printf '#!/bin/sh\nshift 3\nexec "$@"\n' >stand-ins/runuser
chmod +x stand-ins/runuser
RUNLOG_STORE=$TMPDIR/late "$writer" local/somebody/runs crash || true
part '^#!/bin/sh' '^```' | sed "s|/local/|$TMPDIR/local/|" >epilog
RUNLOG_STORE='' SLURM_JOB_USER=somebody run 0 sh epilog
has_ended late || fail 'the epilog shipped nothing'
SLURM_JOB_USER=nobody run 0 sh epilog
