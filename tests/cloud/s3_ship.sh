# A run goes to S3 while it lives and is all there when it ends; recovery finishes a dead one. Both
# may be done again, and change nothing.
# needs: s3
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
server s3
as_owner
cd "$TMPDIR"

# A name that needs encoding in the request and in what is signed. The URL of a bucket is not itself
# encoded, as aws and rclone have it.
prefix=$here'/live/a b+c=d%20/ü'
store=$(s3_store "$(<"$dir/url")" "$prefix")
RUNLOG_RUN_ID=live RUNLOG_STORE=$store run 0 "$victim" everything runs complete
lacks "$err" store
RUNLOG_RUN_ID=live run 0 "$recover" runs
s3_download "$dir" "$prefix" got
equal "$(find got -name '*.parquet' | wc -l)" 1
equal "$(find got -path '*/_runlog/*.json' | wc -l)" 2 "meta and end"
run 0 "$runlog" verify got
has_exactly got live 100
books "$(run_in "$store" live)" train/loss=100

# A journal of several packs, and an artifact of more than one piece of the body's buffer.
dead_journal dead 2000 3
store=$(s3_store "$(<"$dir/url")" "$here/dead")
run 0 "$recover" runs --run dead --store "$store"
s3_download "$dir" "$here/dead" got
(($(find got -name '*.parquet' | wc -l) > 1)) || fail "one pack only"
has_exactly got dead "$steps" --killed

# All of it again, as after a recovery that died before it could note what it had shipped.
journal=$(echo runs/dead/r0-*)
cp -r "$journal"/shipped/* "$journal"/packs/ 2>/dev/null || fail "no shipped packs kept in $journal"
names=$(s3_names "$dir" "$here/dead")
run 0 "$recover" runs --run dead --store "$store"
equal "$(s3_names "$dir" "$here/dead")" "$names"
books "$(run_in "$store" dead)" --killed "train/loss=$steps"
s3_download "$dir" "$here/dead" got
has_exactly got dead "$steps" --killed
