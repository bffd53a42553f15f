# runlog-recover tells why: the message of TORCHELASTIC_ERROR_FILE, and records dropped by the job.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"
export RUNLOG_STORE=$PWD/store

# What torchrun's error handler leaves, in both its shapes.
"$writer" nested crash || true
echo '{"message":{"message":"RuntimeError: CUDA out of memory","extraInfo":{"py_callstack":"…"}}}' >nested.json
TORCHELASTIC_ERROR_FILE=$PWD/nested.json run 0 "$recover" nested
has "$err" 'crashed' 'RuntimeError: CUDA out of memory'
run 0 "$runlog" ls --json nested
has "$out" 'RuntimeError: CUDA out of memory'
run 0 "$runlog" stat store/project=cli/run_id=crash
has "$out" 'RuntimeError: CUDA out of memory'

"$writer" plain crash || true
echo '{"message":"NCCL timeout"}' >plain.json
TORCHELASTIC_ERROR_FILE=$PWD/plain.json run 0 "$recover" --json plain
has "$out" 'NCCL timeout'

# A file that is missing or not JSON changes nothing but the reason.
for file in missing broken; do
  "$writer" "$file" crash || true
  [[ $file == missing ]] || echo '{"message":' >broken.json
  TORCHELASTIC_ERROR_FILE=$PWD/$file.json run 0 "$recover" "$file"
  has "$err" crashed
done

# A job that dropped records, said so in a gap record, and was killed: 3, here and from verify.
RUNLOG_SEGMENT_BYTES=65536 RUNLOG_DISK_BUDGET=524288 RUNLOG_PACK_BYTES=65536 RUNLOG_STORE='' \
  "$writer" short gap 2>/dev/null || true
run 3 "$runlog" verify short
has "$out" LOSS dropped
run 3 "$recover" --store "$PWD/store" --json short
grep -qE '"records_dropped":[1-9]' "$out" || fail 'no count of dropped records'
run 3 "$runlog" verify store
