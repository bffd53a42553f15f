# An artifact of 200 MiB is one PUT, streamed: with room for 96 MiB of data recovery ships it, verify
# compares it and pull copies it.
# needs: s3
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
server s3
s3=$dir
as_owner
cd "$TMPDIR"
dead_journal dead 100
mkdir -p runs/dead/r0-*/blobs
openssl enc -aes-128-ctr -K 00 -iv 00 -nosalt -in /dev/zero 2>/dev/null | head -c $((200 << 20)) >large || true
digest=$(sha256sum <large)
digest=${digest%% *}
mv large "$(echo runs/dead/r0-*/blobs)/$digest"
fault "$(<"$s3/port")" PUT 0 lose
store=$(s3_store "$url" "$here")

# small COMMAND…: with little memory besides what is mapped from files.
small() { (ulimit -d $((96 << 10)) && exec "$@"); }
run 0 small "$recover" runs --store "$store"
equal "$(grep -c "^PUT .*blobs/$digest" "$dir/requests")" 1 'PUTs of the artifact'
run 0 small "$runlog" verify "$store"
books "$(run_in "$store" dead)" --killed "train/loss=$steps"
run 0 small "$runlog" pull "$store" copy
equal "$(sha256sum <"copy/project=default/run_id=dead/_runlog/blobs/$digest")" "$digest  -"
has_exactly copy dead "$steps" --killed
rm -r runs copy
