# pull, doctor and verify on a store that is a directory, and what a URL may and may not be.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"

RUNLOG_STORE=$PWD/store "$writer" runs sample
RUNLOG_STORE=$PWD/store "$writer" runs odd

# pull makes a store of the same content; what is there is skipped.
run 0 "$runlog" pull store copy
has "$err" '2 runs' copied
lacks "$err" $'\r'
equal "$(lines "$out")" 0
diff -r store copy --exclude='.*'
run 0 "$runlog" pull --json store copy
equal "$(lines "$out")" "$(grep -c '"verdict":"present"' "$out")"
run 0 "$runlog" pull "file://$PWD/store/project=cli/run_id=odd" one
[[ -d one/project=cli/run_id=odd && ! -e one/project=cli/run_id=sample ]] || fail 'a run by its URL'
run 0 "$runlog" pull --run 'sam*' store other
[[ -d other/project=cli/run_id=sample && ! -e other/project=cli/run_id=odd ]] || fail --run
"$runlog" cat --json store >expected
"$runlog" cat --json copy >actual
diff expected actual
run 1 "$runlog" pull store/missing new
run 1 "$runlog" pull --run nobody store new

# A killed pull leaves nothing half-done under a final name, and is finished by the next.
pack=$(cd store && find . -name '*.parquet' | head -1)
rm "copy/$pack"
head -c 100 "store/$pack" >"copy/$(dirname "$pack")/.$(basename "$pack").part"
run 0 "$runlog" pull store copy
cmp "store/$pack" "copy/$pack"
run 0 "$runlog" verify copy
has "$err" 'copy: whole' ' file'

# Bit rot in the copy: fetched again.
overwrite "copy/$pack" 200 XXXXXXXX
run 0 "$runlog" pull store copy
has "$err" "$(basename "$pack")" 'was damaged, and was replaced' '1 of them over damaged copies'
cmp "store/$pack" "copy/$pack"

# Bit rot in the store: not copied, and told.
overwrite "store/$pack" 200 XXXXXXXX
rm "copy/$pack"
run 3 "$runlog" pull store copy
has "$err" "$(basename "$pack")" damaged
[[ ! -e copy/$pack ]] || fail 'a damaged pack was copied'
# The copy knows that it lacks a pack.
run 3 "$runlog" verify copy
has "$out" 'LOSS' 'a file was removed'
run 3 "$runlog" verify store
has "$out" 'LOSS' "$(basename "$pack")"

# Artifacts: other bytes, and none.
blob=$(find other -path '*/blobs/*' | head -1)
[[ -n $blob ]] || fail 'the sample has no artifact'
run 0 "$runlog" verify other
overwrite "$blob" 0 X
run 3 "$runlog" verify other
has "$out" 'LOSS' 'SHA-256'
rm "$blob"
run 3 "$runlog" verify --json other
has "$out" '"what":"blob"' '"name":"output"'

# Another file of the same name stays.
echo mine >"copy/$pack"
run 4 "$runlog" pull store copy
equal "$(cat "copy/$pack")" mine

# doctor: one screen, nothing left behind.
mkdir empty
run 0 "$runlog" doctor empty
(($(lines "$out") <= 20)) || fail 'more than a screen'
has "$out" create overwrite read list remove
equal "$(ls -A empty)" ''
run 0 "$runlog" doctor --json empty
equal "$(lines "$out")" "$(grep -c '"verdict":"good"' "$out")"
run 1 "$runlog" doctor missing
has "$out" BAD 'does not exist'
run 1 "$runlog" doctor nonsense://bucket/prefix
has "$out" BAD url '->'

# A store that cannot be reached has lost nothing.
export AWS_ACCESS_KEY_ID=key AWS_SECRET_ACCESS_KEY=hush AWS_EC2_METADATA_DISABLED=true
run 1 "$runlog" verify 's3://bucket/prefix?region=us-east-1&endpoint=http://127.0.0.1:1'
has "$err" s3://bucket/prefix 127.0.0.1:1 'try again'
lacks "$err" LOSS lost hush
equal "$(lines "$out")" 0

# A URL is taken as given; what may be secret in it is not shown.
for command in ls cat stat verify tail plot; do
  run 1 "$runlog" $command 'nonsense://user:hush@bucket//p?sig=hush'
  has "$err" nonsense
  lacks "$err" hush
done

# A root that is its own store: each record once, before and after the copies are cleaned.
RUNLOG_STORE=$PWD/both "$writer" both sample
for _ in 1 2; do
  run 0 "$runlog" ls both
  equal "$(grep -c '^sample' "$out")" 1
  run 0 "$runlog" cat both --name train/loss
  equal "$(lines "$out")" 100
  run 0 "$runlog" verify both
  run 0 "$runlog" clean both
done
