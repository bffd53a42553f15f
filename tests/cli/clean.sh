# clean: removes only what the store has, byte for byte.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"

RUNLOG_STORE=$PWD/store "$writer" runs sample
packs() { find runs -name '*.parquet' | wc -l | tr -d ' '; }
(($(packs) > 0)) || fail 'no pack was kept'
run 0 "$runlog" cat store --name train/loss # the store reads like a root
equal "$(lines "$out")" 100

run 0 "$runlog" clean --dry-run runs
has "$out" 'would remove'
(($(packs) > 0)) || fail '--dry-run removes'

# A store with other bytes keeps the local copy.
shipped=$(find store -name '*.parquet' | head -1)
cp "$shipped" good
overwrite "$shipped" 40 XXXX
run 4 "$runlog" clean runs
has "$out" kept
(($(packs) > 0)) || fail 'a pack was removed that the store does not have'
cp good "$shipped"

run 0 "$runlog" clean --json runs
has "$out" '"removed":true' '"bytes":'
has "$err" 'removed'
equal "$(packs)" 0
run 0 "$runlog" cat store --name train/loss
equal "$(lines "$out")" 100

run 1 "$runlog" clean missing
run 2 "$runlog" clean
