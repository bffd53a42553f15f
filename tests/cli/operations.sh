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

# variables BEGIN: what the page sets for the container named so, as NAME=VALUE.
variables() { part "^ *- name: $1\$" 'volumeMounts' | sed -nE 's/.*\{name: (RUNLOG_[A-Z_]+), value: "?([^"}]*)"?\}.*/\1=\2/p'; }

# The sidecar: told to end, it looks once more. The volume is a directory here, and open as an emptyDir.
mkdir -m 777 runs
part '^ *runlog-recover --watch /runs' 'volumeMounts' | sed "s| /runs| $TMPDIR/runs|g" >sidecar
equal "$(lines sidecar)" 2
# An interval that never comes: of two journals the first look ships one, the last look the other.
sed -i 's/--watch/--watch --interval 3600/' sidecar
export RUNLOG_STORE=$TMPDIR/store
trainer=$(variables train | grep RUNLOG_OPEN_ROOT) sidecar=$(variables recover)
env "$trainer" "$writer" runs crash || true
env "$sidecar" sh sidecar 2>words &
sidecar_pid=$!
until has_ended store; do kill -0 "$sidecar_pid"; done
RUNLOG_RANK=1 env "$trainer" "$writer" runs crash || true
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

# Deleting what is finished: only a journal that holds nothing else. Of rank 1 an artifact waits, of 2
# its end, and 3 has a file in torn/.
mkdir cleaning && cd cleaning
for rank in 0 1 2 3; do RUNLOG_STORE=$PWD/store RUNLOG_RANK=$rank "$writer" runs sample; done
of() { echo runs/sample/r"$1"-*; }
echo more >"$(of 1)/blobs/$(echo more | sha256sum | cut -d' ' -f1)"
mv "$(of 2)/shipped/end.json" "$(of 2)/"
mkdir "$(of 3)/torn" && echo original >"$(of 3)/torn/00000000.seg"
run 0 "$runlog" clean runs
part '^runlog-recover runs && runlog clean' '^```' >recipe
equal "$(lines recipe)" 5
sed -i 1d recipe # which would ship what waits
bash recipe || true
[[ ! -e $(of 0) ]] || fail 'a finished journal is left'
for rank in 1 2 3; do [[ -e $(of $rank)/meta.json ]] || fail "rank $rank was deleted"; done
part '^runlog-recover runs && runlog clean' '^```' >recipe
bash recipe || true
[[ ! -e $(of 1) && ! -e $(of 2) ]] || fail 'what was shipped by now is left'
[[ -e $(of 3)/torn/00000000.seg ]] || fail 'an original was deleted'
