# A journal whose meta.json names a store that is none stops only itself: it is named, the exit code tells
# it, and all others go on. No message has the password that may stand in such a URL.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"

for mode in sample odd; do RUNLOG_STORE=$PWD/store "$writer" runs $mode; done
packs() { find "runs/$1" -name '*.parquet' | wc -l | tr -d ' '; }
meta=$(find runs/odd -name meta.json)
cp "$meta" good

for url in s4://u:SECRET@b/p s3:/u:SECRET@b 'http://u:SEC/RET@h h/' https:// s3://; do
  sed "s#\"store\":\"[^\"]*\"#\"store\":\"$url\"#" good >"$meta"
  for command in ls stat verify 'cat --json'; do
    read -ra words <<<"$command"
    run 0 "$runlog" "${words[@]}" runs
    lacks "$err" SEC
    lacks "$out" SEC
    [[ $command == verify ]] || has "$out" odd sample
  done
  run 4 "$runlog" clean --dry-run runs
  has "$out" "kept" "$(dirname "$meta")" "would remove"
  lacks "$out" SEC
  run 4 "$recover" --dry-run --again runs
  has "$err" odd
  lacks "$err" SEC
done

run 4 "$runlog" clean --json runs
has "$out" "\"path\":\"$PWD/$(dirname "$meta")\"" '"why_kept":"'
equal "$(packs sample)" 0
(($(packs odd) > 0)) || fail 'a pack went that no store was asked for'
cp good "$meta"
run 0 "$runlog" clean runs
equal "$(packs odd)" 0

# A run does not start with such a URL, and does not make a directory of it.
for url in s3:/u:SECRET@b s3:u:SECRET@b https:/u:SECRET@h/p s4://u:SECRET@b; do
  run 1 env RUNLOG_STORE="$url" "$writer" other sample
  has "$err" 'store'
  lacks "$err" SECRET
  run 1 "$runlog" ls "$url"
  lacks "$err" SECRET
done
[[ -z $(find . -name 's3:*' -o -name 'https:*') ]] || fail 'a URL became a directory'
