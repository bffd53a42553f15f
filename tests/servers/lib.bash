# shellcheck shell=bash
# Real servers for the tests, on 127.0.0.1 only. Sourced by the start-* scripts here and by tests.
#
# A server lives in a state directory: NAME.pid, NAME.log, url, and its data. Its port is free at
# the time it starts, so that many test runs go side by side. It ends with `stop_server DIR`; should
# whoever started it die first, a guard ends it.

servers=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# The S3 user that owns the bucket, and one who may do only what a test allows.
s3_key=RUNLOGTESTKEY0000001
s3_secret='runlogTestSecret/with+slash0000000000001'
s3_other_key=RUNLOGOTHERKEY000001
s3_other_secret='runlogOtherSecret0000000000000000000001'
s3_bucket=runlog-test
# The account every Azurite has; Microsoft publishes its key.
azure_account=devstoreaccount1
azure_key='Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='
azure_container=runlog-test
dav_user=runlog
dav_password=secret

# skip WHY: this test cannot run here. With RUNLOG_SERVERS=required, as tools/check sets it, that is
# a failure: a test that is always skipped would look like one that passes.
skip() {
  echo "skipped: $*" >&2
  [[ ${RUNLOG_SERVERS:-} != required ]] || exit 1
  exit 77
}

# need_program PROGRAM PACKAGE
need_program() { command -v "$1" >/dev/null || skip "$1 is missing; install $2, or let tools/check do it"; }

# a_port: prints a port that nobody listens on, below those the kernel takes for outgoing
# connections. Another process may be faster to use it; whoever binds it tries again then.
a_port() {
  local port hex
  for _ in {1..200}; do
    port=$((16000 + (RANDOM * 32768 + RANDOM) % 16000))
    printf -v hex '%04X' "$port"
    grep -qE "^ *[0-9]+: [0-9A-F]+:$hex " /proc/net/tcp /proc/net/tcp6 2>/dev/null || break
  done
  echo "$port"
}

# is_listening PID PORT: this process, and not some other, listens there.
is_listening() {
  local hex inode
  printf -v hex '%04X' "$2"
  inode=$(awk -v port=":$hex" '$4 == "0A" && substr($2, length($2) - 4) == port { print $10; exit }' \
    /proc/net/tcp)
  [[ -n $inode ]] && ls -l "/proc/$1/fd" 2>/dev/null | grep -qF "socket:[$inode]"
}

# launch DIR NAME COMMAND…: starts a server that outlives this script.
launch() {
  local dir=$1 name=$2
  shift 2
  rm -f "$dir/$name.pid"
  # shellcheck disable=SC2016  # expanded by the inner shell
  setsid bash -c 'echo $$ >"$0" && exec "$@"' "$dir/$name.pid" "$@" \
    >>"$dir/$name.log" 2>&1 </dev/null &
  disown  # or this shell reports how it ended
  for _ in {1..500}; do
    [[ ! -s $dir/$name.pid ]] || return 0
    sleep 0.02
  done
  return 1
}

# wait_for_port DIR NAME PORT [SECONDS]: until it listens; fails when it ends, or after a minute.
wait_for_port() {
  local pid i
  pid=$(<"$1/$2.pid")
  for ((i = 0; i < ${4:-60} * 20; ++i)); do
    is_listening "$pid" "$3" && return
    sleep 0.05
    # Twice: in the middle of an exec a process may seem to be gone.
    is_running "$pid" || { sleep 0.05 && is_running "$pid"; } || return 1
  done
  return 1
}

# guard DIR PID: ends the servers of DIR when PID is gone. A test that is killed cleans up nothing.
guard() {
  [[ -e /proc/$2 ]] || { echo "$(basename "$0"): process $2, for whom this is started, is gone" >&2; exit 1; }
  # shellcheck disable=SC2016
  launch "$1" guard bash -c 'tail --pid="$1" -f /dev/null & trap "kill $!; exit" TERM; wait $!
    rm -f "$2/guard.pid"; source "$0"; stop_server "$2"' "$servers/lib.bash" "$2" "$1"
}

# The pid in a file, if it is still that of a server of ours: pids are used again.
server_pid() {
  local pid dir
  pid=$(cat "$1" 2>/dev/null) && dir=$(dirname "$1")
  [[ -n $pid ]] && grep -qsF -- "$dir" "/proc/$pid/cmdline" && echo "$pid"
}

# is_running PID: and not just waiting for somebody to take note of its end.
is_running() {
  local state
  read -r _ _ state _ 2>/dev/null <"/proc/$1/stat" && [[ $state != Z ]]
}

# stop_server DIR…: ends what runs there and waits until it has. What a server holds is not worth
# saving; the guard has a child to end.
stop_server() {
  local dir file pid pids=() signal
  for dir; do
    for file in "$dir"/*.pid; do
      pid=$(server_pid "$file") || continue
      signal=KILL
      [[ $file != */guard.pid ]] || signal=TERM
      kill -$signal "$pid" 2>/dev/null || true
      pids+=("$pid")
    done
  done
  for pid in "${pids[@]}"; do
    for _ in {1..250}; do
      is_running "$pid" || continue 2
      sleep 0.02
    done
    kill -KILL "$pid" 2>/dev/null || true
  done
}

# kill_server DIR NAME: as a crash would.
kill_server() {
  local pid
  pid=$(server_pid "$1/$2.pid") && kill -KILL "$pid" || return 1
  while is_running "$pid"; do :; done
}

# give_up DIR WHY: for the start scripts.
give_up() {
  echo "$(basename "$0"): $2; the logs:" >&2
  tail -n 5 "$1"/*.log >&2 || true
  stop_server "$1"
  exit 1
}

# s3_request DIR METHOD PATH[?QUERY] [BODY_FILE]: as the bucket's owner, by curl. Prints the answer's body.
s3_request() {
  local digest
  digest=$(sha256sum <"${4:-/dev/null}")
  curl -sS --fail-with-body --max-time 30 -X "$2" --user "$s3_key:$s3_secret" \
    --aws-sigv4 aws:amz:us-east-1:s3 -H "x-amz-content-sha256: ${digest%% *}" \
    ${4:+--data-binary "@$4" -H "Content-Type: application/octet-stream"} "$(<"$1/url")/$3"
}

# azure_sas PERMISSIONS [EXPIRY]: prints a signature for the container, as the portal makes them.
azure_sas() {
  local expiry=${2:-2099-01-01T00:00:00Z} version=2020-12-06 signature key
  key=$(base64 -d <<<"$azure_key" | od -An -v -tx1 | tr -d ' \n')
  # Permissions, start, expiry, resource, identifier, address, protocol, version, kind, snapshot,
  # encryption scope, and five headers of answers.
  signature=$(printf '%s\n\n%s\n/blob/%s/%s\n\n\n\n%s\nc\n\n\n\n\n\n\n' "$1" "$expiry" "$azure_account" \
    "$azure_container" $version | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64)
  signature=${signature//+/%2B} signature=${signature//\//%2F}
  echo "sv=$version&se=${expiry//:/%3A}&sr=c&sp=$1&sig=${signature//=/%3D}"
}

# azure_request DIR METHOD PATH[?QUERY] [BODY_FILE]: with the account's key. Prints the answer's body.
azure_request() {
  local url path=${3%%\?*} query=${3#*\?} date length='' key signature parameter
  url=$(<"$1/url")
  date=$(LC_ALL=C date -u '+%a, %d %b %Y %H:%M:%S GMT')
  [[ -z ${4:-} ]] || length=$(stat -c %s "$4")
  [[ $query != "$3" ]] || query=
  key=$(base64 -d <<<"$azure_key" | od -An -v -tx1 | tr -d ' \n')
  # The account stands twice: in the path of a stand-in, and before it.
  signature=$({
    printf '%s\n\n\n%s\n\n%s\n\n\n\n\n\n\n' "$2" "$length" "${4:+application/octet-stream}"
    printf 'x-ms-blob-type:BlockBlob\nx-ms-date:%s\nx-ms-version:2021-12-02\n' "$date"
    printf '/%s/%s/%s' $azure_account $azure_account "$path"
    for parameter in $(tr '&' '\n' <<<"$query" | sort); do printf '\n%s:%s' "${parameter%%=*}" "${parameter#*=}"; done
  } | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64)
  curl -sS --fail-with-body --max-time 30 -X "$2" -H "x-ms-date: $date" -H "x-ms-version: 2021-12-02" \
    -H "x-ms-blob-type: BlockBlob" -H "Authorization: SharedKey $azure_account:$signature" \
    -H "Content-Length: ${length:-0}" ${4:+-H "Content-Type: application/octet-stream" --data-binary "@$4"} "$url/$3"
}
