#!/usr/bin/env bash
# What an outage of the store costs: how long calls take, how much memory the job has, and how fast
# packs are shipped, against radosgw on this machine. Prints numbers and checks only what must hold
# on any machine: nothing lost, nothing twice. Minutes long; not a CTest entry.
#   RUNLOG_JUDGE=… tests/bench/outage.sh BUILD_DIR SCRATCH_DIR [calls] [packs]
# BUILD_DIR: of the release preset with -DRUNLOG_BUILD_TESTS=ON. SCRATCH_DIR: on a real disk, 4 GB.
set -euo pipefail
build=$(cd "$1" && pwd)
parts=${*:3}
parts=${parts:-calls packs}
mkdir -p "$2"
TMPDIR=$(cd "$2" && mktemp -d "$PWD/outage.XXXXXX")
export TMPDIR RUNLOG_BIN=$build/bin RUNLOG_VICTIMS=$build/tests/victims RUNLOG_FAULTS=$build/tests/servers/fault_proxy
RUNLOG_SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export RUNLOG_SOURCE RUNLOG_SERVERS_DIR=$TMPDIR/none
source "$RUNLOG_SOURCE/tests/cloud/lib.bash"
# The servers end before their directory goes: it has their pids.
end_of_outage() {
  end_of_test
  cd /
  rm -rf "$TMPDIR"
}
trap end_of_outage EXIT
own_server s3 start-s3
s3=$dir
as_owner
cd "$TMPDIR"
export RUNLOG_SHIP_INTERVAL=1s RUNLOG_FINISH_DEADLINE=120s RUNLOG_KEEP_SHIPPED=1

# A minute at 10 000 records a second; the second time the server is away for 20 s in the middle.
for run in without with; do
  [[ $parts == *calls* ]] || break
  RUNLOG_RUN_ID=$run RUNLOG_STORE=$(s3_store "$(<"$s3/url")" "$run") "$trainer" runs 10000 60 report >"$run.txt" 2>"$err" &
  job=$!
  if [[ $run == with ]]; then
    sleep 20
    kill_server "$s3" radosgw
    sleep 20
    "$servers/start-s3" --again "$s3"
  fi
  wait $job || fail "the job failed"
  echo "call_ns $run outage: $(<"$run.txt")"
  run 0 "$recover" runs --run "$run"
  s3_download "$s3" "$run" got
  has_exactly got "$run" 600000
done

# Memory of the process that is its own (RssAnon: what is mapped from the journal can be dropped),
# after 24 million records: 550 MiB of segments, and their packs.
[[ $parts == *packs* ]] || exit 0
for run in shipping outage; do
  url=$(<"$s3/url")
  [[ $run == shipping ]] || url=http://127.0.0.1:1
  RUNLOG_RUN_ID=mem-$run RUNLOG_DISK_BUDGET=4GiB RUNLOG_FINISH_DEADLINE=1s RUNLOG_STORE=$(s3_store "$url" "mem-$run") \
    "$trainer" runs 400000 60 quiet 2>"$err" &
  job=$!
  highest=0
  while is_running $job; do
    now=$(sed -n 's/^RssAnon:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$job/status" 2>/dev/null || true)
    ((${now:-0} <= highest)) || highest=$now
    sleep 0.25
  done
  wait $job || true
  echo "rss_anon_kib $run: $highest; journal on disk $(du -sm "runs/mem-$run" | cut -f 1) MiB"
done

# The packs of that outage, shipped by us, by curl and by rclone, in turn. curl is told the digests; we and
# rclone have to find them. Our own time is from the first pack acknowledged to the last, without the first:
# before it the journal is read, and after it its records are counted for the report. That is in `all`.
for round in 1 2 3; do
  for journal in runs/mem-outage/r0-*; do
    mkdir -p "$journal/packs" packs
    [[ -n $(ls packs) ]] || { run 4 "$recover" runs --run mem-outage --store "$(s3_store http://127.0.0.1:1 no)" --timeout 0; cp "$journal"/packs/*.parquet packs/; }
    # A pack is on disk long before it is shipped, and its name in shipped/ is free: else the rename
    # that says so would wait for the disk.
    rm -f "$journal"/shipped/*.parquet
    cp packs/* "$journal/packs/"
    sync "$journal"/packs/*
  done
  bytes=$(cat packs/* | wc -c)
  start=$EPOCHREALTIME
  run 0 "$recover" runs --run mem-outage --store "$(s3_store "$(<"$s3/url")" "speed-$round/runlog")"
  ours=$EPOCHREALTIME
  # A pack is renamed when it is acknowledged, which sets the time of its last change.
  read -r acknowledged_s shipped_bytes <<<"$(cd runs/mem-outage/r0-*/shipped && find . -name '*.parquet' -printf '%C@ %s\n' | sort -n |
    awk 'NR == 1 { first = $1; next } { last = $1; bytes += $2 } END { printf "%.6f %d\n", last - first, bytes }')"
  config=$TMPDIR/curl.config
  for pack in packs/*; do
    digest=$(sha256sum <"$pack")
    printf 'next\nuser = "%s:%s"\naws-sigv4 = "aws:amz:us-east-1:s3"\nheader = "x-amz-content-sha256: %s"\nupload-file = "%s"\nurl = "%s"\nsilent\nfail\n' \
      "$s3_key" "$s3_secret" "${digest%% *}" "$pack" "$(<"$s3/url")/$s3_bucket/speed-$round/curl/$(basename "$pack")"
  done | tail -n +2 >"$config"
  curl_start=$EPOCHREALTIME
  curl -K "$config" || fail "curl"
  curl_end=$EPOCHREALTIME
  rclone --config /dev/null copy -q --transfers 1 --s3-no-check-bucket --s3-disable-checksum --s3-upload-cutoff 1G --s3-provider Ceph \
    --s3-endpoint "$(<"$s3/url")" --s3-access-key-id $s3_key --s3-secret-access-key "$s3_secret" packs ":s3:$s3_bucket/speed-$round/rclone" || fail "rclone"
  rclone_end=$EPOCHREALTIME
  awk -v b="$bytes" -v n="$(find packs -type f | wc -l)" -v a="$start" -v o="$ours" -v c="$curl_start" -v d="$curl_end" \
    -v r="$rclone_end" -v t="$acknowledged_s" -v s="$shipped_bytes" 'BEGIN {
    m = 1048576; us = s / m / t; curl = b / m / (d - c); rclone = b / m / (r - d)
    printf "ship_mib_s %d packs, %.1f MiB: runlog-recover %.0f (all %.0f), curl %.0f, rclone %.0f; ratio to curl %.2f, to rclone %.2f\n",
      n, b / m, us, b / m / (o - a), curl, rclone, us / curl, us / rclone }'
done
