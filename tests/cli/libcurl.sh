# libcurl is loaded when a store over HTTP is first used, and not with the library. One that is
# missing or of the wrong kind is told, with what to install; the job logs on, and its records wait.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"

# What the programs, and the library where it is shared, bring into a process.
library=$(dirname "$RUNLOG_BIN")/lib/librunlog.so
for file in "$runlog" "$recover" "$library"; do
  [[ -e $file ]] || continue
  run 0 ldd "$file"
  if grep -q 'lib[a-z]*san' "$out"; then continue; fi # a sanitizer brings its own
  # What liblz4 and libcrypto need themselves is Debian's choice.
  theirs=$(awk '/liblz4|libcrypto/ { print $3 }' "$out" | xargs ldd | awk '{ print $1 }')
  strange=$(sed -E 's|^[[:space:]]*([^ ]*/)?([^ /]+) .*|\2|' "$out" |
    grep -vE '^(linux-vdso|linux-gate|ld-linux[^ ]*|librunlog|liblz4|libcrypto|libfmt|libstdc\+\+|libgcc_s|libm|libc|libpthread|libdl|librt)\.so' |
    grep -vxF "$theirs" || true)
  equal "$strange" '' "loaded with $(basename "$file")"
  has "$out" libcrypto liblz4
done

# A job whose store needs it and does not find it.
store=http://127.0.0.1:9/bucket
export RUNLOG_SHIP_INTERVAL=100ms RUNLOG_FINISH_DEADLINE=10s
mkdir not_elf
echo 'not a library' >not_elf/libcurl.so.4
try() { # PLACE KIND TEXT…
  local place=$1 kind=$2
  shift 2
  rm -rf runs
  LD_LIBRARY_PATH=$place FAKE_CURL=$kind RUNLOG_STORE=$store run 0 "$writer" runs sample
  has "$err" libcurl.so.4 'apt install libcurl4' "$@"
  run 0 "$runlog" cat runs --kind metric
  [[ $(lines "$out") -ge 1 ]] || fail 'records are missing'
  # The same exit code as for a store that cannot be reached, and at once.
  LD_LIBRARY_PATH=$place FAKE_CURL=$kind RUNLOG_STORE= run 4 "$recover" --timeout 60 runs
  has "$err" libcurl.so.4 'apt install libcurl4' "$@"
}
try "$PWD/not_elf" none 'cannot load'
fake=$RUNLOG_VICTIMS/fake_curl
for part in 40 600 5000 9000; do
  mkdir cut_$part
  head -c $part "$fake/libcurl.so.4" >cut_$part/libcurl.so.4
  try "$PWD/cut_$part" none "$PWD/cut_$part/libcurl.so.4: it is cut off"
done
try "$fake" old 'it is version 7.64.0' '7.88'
try "$fake" plain 'without TLS'
try "$fake" silent 'does not tell its version'
try "$fake" nothing 'does not tell its version'
try "$fake" functions 'it has no curl_global_init'
# With a whole one the same journal is shipped as far as the store answers.
RUNLOG_STORE= run 4 "$recover" --timeout 1 runs
lacks "$err" libcurl.so.4
has "$err" 'cannot connect'
