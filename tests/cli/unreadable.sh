# What cannot be looked into is named, and is no "no journals in it" and no "whole": exit 1, and the
# rest is shown. A link to itself cannot be opened by anybody, root included.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"

# A run directory, alone in its root.
mkdir lone
ln -s loop lone/loop
for command in 'ls' 'ls --quick' 'verify' 'cat' 'stat'; do
  # shellcheck disable=SC2086
  run 1 "$runlog" $command lone
  cat "$out" "$err" >said
  has said lone/loop
  lacks said "no journals in it" ": whole"
done
run 1 "$recover" lone
has "$err" lone/loop
lacks "$err" 'no journals in it'

# Beside a run that can be read.
"$writer" runs sample
ln -s loop runs/loop
run 1 "$runlog" ls runs
has "$out" sample
has "$err" runs/loop
run 1 "$runlog" verify runs
has "$out" 'unread  ' runs/loop
has "$err" 'not verified'
run 1 "$recover" runs
rm runs/loop
run 0 "$runlog" verify runs

# A folder of a journal, whose other folders are read all the same.
for folder in lanes packs shipped blobs; do
  "$writer" "$folder" sample
  journal=$(echo "$folder"/sample/r0-*)
  mv "$journal/$folder" aside
  ln -s "$folder" "$journal/$folder"
  run 1 "$runlog" verify "$folder"
  has "$out" "$journal/$folder"
  run 1 "$runlog" ls "$folder"
  run 1 "$runlog" ls --quick "$folder"
  has "$err" "$journal/$folder"
  rm -r aside
done

# Links in the place of files lead nowhere, or anywhere: they are told, not followed, and the rest goes on.
"$writer" links sample
"$writer" links odd
journal=$(echo links/sample/r0-*)
ln -s /nowhere/pack "$journal/packs/00009999.parquet"
run 3 "$runlog" verify links
has "$out" LOSS "$journal/packs/00009999.parquet" 'symbolic link'
run 3 "$recover" --store store links
has "$err" torn/00009999.parquet
equal "$(find store -name '*.end.json' | wc -l)" 2
"$writer" locked sample
"$writer" locked odd
lock=$(echo locked/sample/r0-*)/LOCK
rm "$lock"
ln -s /nowhere/lock "$lock"
run 1 "$runlog" verify locked
has "$out" "$lock"
run 1 "$recover" --store other locked
has "$err" "$lock" 'symbolic link'
equal "$(find other -name '*.end.json' | wc -l)" 1
[[ -L $lock && ! -e /nowhere ]] || fail 'the link was followed or removed'

# A file, or a FIFO, in the place of packs/ is no empty folder.
for what in file fifo; do
  "$writer" "$what" sample
  journal=$(echo "$what"/sample/r0-*)
  rm -r "$journal/packs"
  if [[ $what == fifo ]]; then mkfifo "$journal/packs"; else touch "$journal/packs"; fi
  run 1 "$runlog" verify "$what"
  has "$out" "$journal/packs"
  run 4 "$recover" --store "store-$what" "$what"
  has "$err" "$journal/packs"
  equal "$(find "store-$what" -name '*.end.json' 2>/dev/null | wc -l)" 0
done
