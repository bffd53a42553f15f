# An artifact that the store does not take keeps the end waiting, and not the packs. When it is gone, here
# and there, the end may go, but not for whole: exit 3, and verify of the store names it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"

"$writer" runs sample
blob=$(find runs -path '*/blobs/*')
object=store/project=cli/run_id=sample/_runlog/blobs/$(basename "$blob")
mkdir -p "$object" # nothing can take its place
run 4 "$recover" --store store runs
has "$err" 'is refused'
[[ -n $(find store -name '*.parquet') ]] || fail 'the pack waits as well'
[[ -z $(find store -name '*.end.json') ]] || fail 'the end did not wait'
rm "$blob"
rmdir "$object"
run 3 "$recover" --store store runs
has "$err" "$blob" 'the artifact is gone, here and in the store'
[[ -n $(find store -name '*.end.json') ]] || fail 'the end waits'
run 3 "$runlog" verify store
has "$out" LOSS "$(basename "$blob")"
run 0 "$recover" --store store runs
