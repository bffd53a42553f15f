# A FIFO, a socket, a device, a directory or a link to nowhere in the place of each file and folder of a
# journal, and of a store in a directory: nothing waits for it and nothing crashes, it is named, and what
# lies beside it is handled as ever.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"
needs python3 python3

put() { # KIND PATH
  rm -rf "$2"
  mkdir -p "$(dirname "$2")"
  case $1 in
    fifo) mkfifo "$2" ;;
    socket) (cd "$(dirname "$2")" && python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$(basename "$2")") ;;
    directory) mkdir "$2" ;;
    device) ln -s /dev/zero "$2" ;;
    dangling) ln -s /nowhere/at/all "$2" ;;
  esac
}

# ends COMMAND…: it ends by itself, and not by a signal; not with 0.
ends() {
  local code=0
  timeout -s KILL 60 "$@" >"$out" 2>"$err" </dev/null || code=$?
  [[ $code -gt 0 && $code -lt 124 ]] || fail "exit $code: $*"
}

"$writer" base sample
run 137 "$writer" base crash
sample=$(echo base/sample/r0-*)
crash=$(echo base/crash/r0-*)
blob=blobs/$(ls "$sample/blobs")
segment=lanes/$(ls "$crash/lanes" | head -n 1)

# One run for each place, with the odd thing there, and a run that is well.
fill() { # KIND ROOT: writes the paths of the odd things to `odd`
  local number=0 place from
  rm -rf "$2" odd
  mkdir "$2"
  for place in meta.json LOCK end.json packs/00000000.parquet "$blob" shipped/00000009.parquet \
    shipped/meta.json shipped/end.json CRASHED/crash "CRASHED/$segment" \
    FOLDER/packs FOLDER/blobs FOLDER/shipped FOLDER/torn FOLDER/CRASHED/lanes FOLDER/. FOLDER/..; do
    [[ $1 != directory || $place != FOLDER/* ]] || continue
    from=$sample
    [[ $place != *CRASHED* ]] || from=$crash
    number=$((number + 1))
    mkdir "$2/run$number"
    cp -a "$from" "$2/run$number/"
    place=${place#FOLDER/}
    place=$(echo "$2/run$number/$(basename "$from")/${place#CRASHED/}")
    case $place in
      */..) place=$2/run$number ;;
      */.) place=${place%/.} ;;
    esac
    put "$1" "$place"
    echo "$place" >>odd
  done
  "$writer" "$2" sample
}

for kind in fifo socket device directory dangling; do
  fill "$kind" runs
  ends "$runlog" verify runs
  cat "$out" "$err" >said
  while read -r path; do has said "$path"; done <odd
  for command in 'ls' 'ls --quick' 'cat' 'stat' 'tail -n 100000'; do
    # shellcheck disable=SC2086
    ends "$runlog" $command runs
    has "$out" sample
  done
  timeout -s KILL 60 "$runlog" clean --dry-run runs >"$out" 2>"$err" || [[ $? -lt 124 ]] || fail "clean, $kind"
  ends "$recover" --dry-run runs
  # A job under that root adopts what it can, and ends as ever.
  run 0 timeout -s KILL 60 "$writer" runs odd
  ends "$recover" --timeout 3 --store "store-$kind" runs
  run 0 "$runlog" verify "store-$kind/project=cli/run_id=sample"
done

# A store in a directory.
for kind in fifo socket device directory dangling; do
  rm -rf runs store store.whole
  RUNLOG_STORE=$PWD/store.whole "$writer" runs sample
  RUNLOG_STORE=$PWD/store.whole "$writer" runs odd
  while read -r object; do
    cp -a store.whole store
    put "$kind" "store/$object"
    ends "$runlog" verify store
    cat "$out" "$err" >said
    has said "$(basename "$object")"
    for command in ls cat; do
      timeout -s KILL 60 "$runlog" $command store >"$out" 2>"$err" || [[ $? -lt 124 ]] || fail "$command, $kind, $object"
      has "$out" odd
    done
    rm -rf pulled
    timeout -s KILL 60 "$runlog" pull store pulled >"$out" 2>"$err" || [[ $? -lt 124 ]] || fail "pull, $kind, $object"
    [[ -n $(find pulled -path '*run_id=odd*' -name '*.parquet') ]] || fail "pull left the other run out, $kind, $object"
    rm -rf store
  done < <(cd store.whole && find . -path '*run_id=sample*' -type f | sed 's|^\./||')
done
