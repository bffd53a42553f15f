# shellcheck shell=bash disable=SC2034
# Helpers for the tests against real servers. Not a test. Sourced with
#   source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
# What tests/cli/lib.bash and tests/servers/lib.bash have is here too.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.bash"
source "$(dirname "${BASH_SOURCE[0]}")/../servers/lib.bash"

# Nothing of the machine's owner: no keys, no proxies, no other clouds.
for name in $(compgen -e); do
  case $name in
    AWS_* | AZURE_* | RUNLOG_CA_BUNDLE | RUNLOG_HTTP_* | RUNLOG_GCS_* | NETRC | SSL_CERT_FILE | CURL_CA_BUNDLE | RCLONE_* | \
      *_proxy | *_PROXY | IDENTITY_* | MSI_*) unset "$name" ;;
  esac
done
export HOME=$TMPDIR/home AWS_EC2_METADATA_DISABLED=true
mkdir -p "$HOME"
victim=$RUNLOG_VICTIMS/writer
trainer=$RUNLOG_VICTIMS/trainer
here=$(basename "$0" .sh)-$$  # the prefix of what this test stores
trap 'end_of_test' EXIT
own_servers=()

# A failed or interrupted test ends its own servers and jobs too.
end_of_test() {
  local code=$?
  local jobs_left
  jobs_left=$(jobs -p)
  # shellcheck disable=SC2086  # one pid per word
  [[ -z $jobs_left ]] || kill -KILL $jobs_left 2>/dev/null || true
  [[ ${#own_servers[@]} -eq 0 ]] || stop_server "${own_servers[@]}"
  return "$code"
}

# server NAME: the state directory of a server that CTest has started for the test, into `dir`.
server() {
  dir=$RUNLOG_SERVERS_DIR/$1
  [[ -s $dir/url || -s $dir/dav || -s $dir/server.pem ]] || skip "there is no $1 server"
}

# own_server NAME COMMAND…: a server for this test alone; its state directory into `dir`.
own_server() {
  dir=$TMPDIR/$1
  shift
  own_servers+=("$dir")
  local code=0
  RUNLOG_SERVERS_OWNER=$$ "$servers/$1" "$dir" "${@:2}" >/dev/null || code=$?
  [[ $code != 77 ]] || exit 77
  [[ $code == 0 ]] || fail "$1 did not start"
}

# fault PORT METHOD[:TEXT] COUNT FAULT [ARGUMENT]: a proxy as fault_proxy.cpp has them, before the server at
# PORT; its URL into `url`, its state directory into `dir`.
fault() {
  dir=$TMPDIR/fault-${#own_servers[@]}
  own_servers+=("$dir")
  rm -rf "$dir"
  mkdir -p "$dir"
  guard "$dir" $$
  launch "$dir" fault_proxy "$RUNLOG_FAULTS" "$dir" "$@" && wait_for "$dir/port" || fail "no fault_proxy"
  url=http://127.0.0.1:$(<"$dir/port")
}

# answer STATUS [BODY [HEADER…]]: prints an answer for the fault of that name.
answer() {
  local body=${2:-}
  printf 'HTTP/1.1 %s\r\nContent-Length: %s\r\nConnection: close\r\n' "$1" "${#body}"
  local header
  for header in "${@:3}"; do printf '%s\r\n' "$header"; done
  printf '\r\n%s' "$body"
}

# s3_error STATUS CODE MESSAGE [HEADER…]: the same, as S3 words it.
s3_error() { answer "$1" "<?xml version=\"1.0\"?><Error><Code>$2</Code><Message>$3</Message></Error>" "${@:4}"; }

# wait_for FILE [TEXT [PID]]: until it is there, and has a line with TEXT; in vain when PID is gone.
# CTest bounds the wait.
wait_for() {
  until [[ -s $1 ]] && grep -qsF -- "${2:-}" "$1"; do
    [[ -z ${3:-} ]] || kill -0 "$3" 2>/dev/null || fail "no '$2' in $1: $(tail -n 3 "$1")"
    sleep 0.02
  done
}

# as_owner / as_other: whose keys runlog finds.
as_owner() { export AWS_ACCESS_KEY_ID=$s3_key AWS_SECRET_ACCESS_KEY=$s3_secret AWS_REGION=us-east-1; }
as_other() { export AWS_ACCESS_KEY_ID=$s3_other_key AWS_SECRET_ACCESS_KEY=$s3_other_secret AWS_REGION=us-east-1; }

# s3_store ENDPOINT PREFIX [BUCKET]: prints a store URL.
s3_store() { echo "s3://${3:-$s3_bucket}/$2?endpoint=$1"; }

# dead_journal RUN_ID STEPS [PACKS]: under ./runs, of a writer that was killed once it had logged so many
# steps and made so many packs. The number of steps it has acknowledged into `steps`.
dead_journal() {
  local log=$TMPDIR/$1.log
  RUNLOG_RUN_ID=$1 RUNLOG_SEGMENT_BYTES=64KiB RUNLOG_SHIP_INTERVAL=100ms RUNLOG_SYNC_INTERVAL=50ms \
    "$trainer" runs 5000 0 >"$log" &
  local pid=$!
  wait_for "$log" "logged $2" $pid
  until (($(find "runs/$1" -name '*.parquet' | wc -l) >= ${3:-0})); do sleep 0.02; done
  kill -KILL $pid
  wait $pid 2>/dev/null || true
  steps=$(($(acknowledged "$log") + 1))
}

# packed_template STEPS: such a journal with two packs, salvaged and packed, in `template`.
packed_template() {
  dead_journal dead "$1" 2
  run 4 "$recover" runs --store "$(s3_store http://127.0.0.1:1 nowhere)" --timeout 0
  mv runs template
}

# from_template: a copy of it, nowhere shipped, as `runs`.
from_template() {
  rm -rf runs
  cp -r template runs
}

# acknowledged LOG: the last whole line "logged N".
acknowledged() { sed -n 's/^logged \([0-9]*\)$/\1/p' "$1" | tail -n 1; }

# s3_download DIR PREFIX TARGET: by rclone, which shares no code with us.
s3_download() {
  need_program rclone rclone
  rm -rf "$3"
  rclone --config /dev/null copy -q --s3-provider Ceph --s3-endpoint "$(<"$1/url")" --s3-access-key-id $s3_key \
    --s3-secret-access-key "$s3_secret" --s3-region us-east-1 ":s3:$s3_bucket/$2" "$3" || fail "rclone cannot read $2"
}

# s3_names DIR PREFIX: the objects there, sorted.
s3_names() {
  s3_request "$1" GET "$s3_bucket?list-type=2&max-keys=1000&prefix=${2//\//%2F}" | grep -o '<Key>[^<]*' | sed 's/<Key>//' | sort
}

# run_in PLACE RUN_ID: prints where a run is in a store, which is a directory or a URL.
run_in() { in_store "$1" "project=default/run_id=$2"; }

# books PLACE [OPTION…] NAME=COUNT…: the books of one run close there: a journal, or what run_in prints.
# Of each thread NAME so many calls had returned. Options as check_books.cpp has them.
books() {
  run 0 "$RUNLOG_BOOKS" "$@"
}

# has_exactly DIR RUN_ID STEPS [--killed]: the store in DIR holds the steps 0 to STEPS-1 of the writer, each
# once; one more of a writer that was killed, if its last call could not say that it had returned. DuckDB
# reads them; and the books close, with nothing dropped.
has_exactly() {
  [[ -n ${RUNLOG_JUDGE:-} ]] || skip "RUNLOG_JUDGE is not set: no DuckDB here"
  local found
  found=$(node "$RUNLOG_SOURCE/tests/judge/judge.mjs" "$1" "
    SELECT count(*) - $3 AS more, count(*) - count(DISTINCT step) AS twice, max(step) + 1 - count(*) AS holes
    FROM packs WHERE run_id = '$2' AND name = 'train/loss'")
  [[ $found == '["0","0","0"]' || ( ${4:-} == --killed && $found == '["1","0","0"]' ) ]] ||
    fail "$2: more, twice, holes are $found"
  run 0 "$runlog" verify "$1"
  books "$(run_in "$1" "$2")" "${@:4}" "train/loss=$3"
}

# reads_as STORE DIR: the reading programs give for the store what they give for its copy in DIR.
reads_as() {
  local command
  for command in ls 'cat --json' verify stat; do
    # shellcheck disable=SC2086  # one word or two
    run 0 "$runlog" $command "$2"
    sed '/^  journal \|^  store /d' "$out" >expected.txt
    # shellcheck disable=SC2086
    run 0 "$runlog" $command "$1"
    sed '/^  journal \|^  store /d' "$out" | diff expected.txt - >diff.txt || fail "'$command' of the store differs: $(head -n 5 diff.txt)"
  done
  run 0 "$runlog" pull "$1" pulled
  diff -r -x .runlog-pull.lock "$2" pulled >diff.txt || fail "pull gives other files: $(<diff.txt)"
  run 0 "$runlog" pull "$1" pulled
  run 0 "$runlog" plot "$1" train/loss
  rm -r pulled
}

# azure_download DIR PREFIX TARGET: by rclone.
azure_download() {
  need_program rclone rclone
  rm -rf "$3"
  rclone --config /dev/null copy -q ${CURL_CA_BUNDLE:+--ca-cert "$CURL_CA_BUNDLE"} \
    --azureblob-sas-url "$(<"$1/url")/$azure_container?$(azure_sas rl)" ":azureblob:$azure_container/$2" "$3" ||
    fail "rclone cannot read $2"
}

# in_store STORE PATH: prints the URL of a part of a store; a query stays behind it.
in_store() {
  local path=${1%%\?*}
  echo "$path/$2${1#"$path"}"
}

# reads_back STORE: runs are shipped to an empty store while they live; then every command that reads
# tells of the store what it tells of the journals, and a copy is as good.
reads_back() {
  local store=$1 mode pack
  rm -rf runs copy
  for mode in sample odd; do RUNLOG_STORE=$store "$writer" runs $mode || fail "$mode was not written"; done
  RUNLOG_STORE=$store RUNLOG_RANK=3 "$writer" runs many || fail "many was not written"
  for mode in sample odd many; do
    "$runlog" cat --json runs/$mode >expected
    run 0 "$runlog" cat --json "$(in_store "$store" "project=cli/run_id=$mode")"
    cmp expected "$out" || fail "$mode reads differently from the store"
    "$runlog" stat runs/$mode | grep -vE '^  (journal|store|waiting|packs)' >expected
    run 0 "$runlog" stat "$(in_store "$store" "project=cli/run_id=$mode")"
    grep -vE '^  (journal|store|waiting|packs)' "$out" | diff expected - || fail "stat of $mode differs"
  done
  "$runlog" cat --json --rank 3 runs >expected
  run 0 "$runlog" cat --json --rank 3 "$store"
  equal "$(lines "$out")" "$(lines expected)" "records of rank 3"
  run 0 "$runlog" plot "$(in_store "$store" project=cli)"
  has "$out" train/loss
  local counts='s/.*("run":"[a-z]*").*("state":"[a-z]*").*("records":[0-9]*,"records_lost":[0-9]*,"records_dropped":[0-9]*,.*"last_time_ns":[0-9]*).*/\1 \2 \3/'
  "$runlog" ls --json runs | sed -E "$counts" >expected
  run 0 "$runlog" ls --json "$store"
  sed -E "$counts" "$out" | diff expected - || fail "ls counts otherwise"
  equal "$(grep -c '^"run":' expected)" 3
  run 0 "$runlog" verify "$store"
  has "$err" whole ' file'
  run 1 "$runlog" ls "$(in_store "$store" project=cli/run_id=nobody)"
  has "$err" 'holds no run'

  run 0 "$runlog" pull "$store" copy
  run 0 "$runlog" verify copy
  "$runlog" cat --json copy >expected
  run 0 "$runlog" cat --json "$store"
  cmp expected "$out" || fail "the copy reads differently"
  pack=$(cd copy && find . -path '*many*' -name '*.parquet' | sort | head -n 1 | sed 's|^\./||')
  "$runlog" cat --json "copy/$pack" >expected
  run 0 "$runlog" cat --json "$(in_store "$store" "$pack")"
  cmp expected "$out" || fail "a single pack reads differently"
  # A copy that has rotted is fetched again, and nothing else.
  cp "copy/$pack" whole
  overwrite "copy/$pack" 1000 XXXXXXXX
  run 3 "$runlog" verify copy
  run 0 "$runlog" pull --json "$store" copy
  equal "$(grep -c '"verdict":"copied"' "$out")" 1
  has "$out" '"replaced":true'
  cmp whole "copy/$pack" || fail "it was not replaced"
  run 0 "$runlog" clean runs
  run 0 "$runlog" ls --json runs
  lacks "$out" '"packs_shipped":1'
}

# cannot_read STORE WORDS…: each command that reads ends with 1, says these words, and tells of no loss.
cannot_read() {
  local store=$1 command code jobs_here=()
  shift
  for command in ls cat stat verify plot; do
    "$runlog" $command "$store" >"$command.out" 2>"$command.err" &
    jobs_here+=($!)
  done
  for command in ls cat stat verify plot; do
    code=0
    wait "${jobs_here[0]}" || code=$?
    jobs_here=("${jobs_here[@]:1}")
    cp "$command.out" "$out"
    cp "$command.err" "$err"
    equal "$code" 1 "$command"
    lacks "$out" LOSS
    lacks "$err" LOSS ' lost'
    cat "$out" >>"$err" # verify says it there
    has "$err" "$@"
  done
}
