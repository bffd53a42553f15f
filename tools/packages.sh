# shellcheck shell=bash disable=SC2034
# Sourced by quickstart and check: what they need from Debian or Ubuntu, and how they get it.

build_packages=(g++ cmake ninja-build pkg-config libboost-dev liblz4-dev libssl-dev libcurl4-openssl-dev
  libexpat1-dev nlohmann-json3-dev libfmt-dev libcli11-dev)
test_packages=(catch2 python3-dev python3-numpy python3-pandas python3-pil mypy clang libclang-rt-dev mandoc valgrind
  btrfs-progs xfsprogs strace jq libxml2-utils gdb)
# The servers that the tests ship to, on this machine's loopback address, and an independent client.
server_packages=(radosgw ceph-mon ceph-osd ceph-common nginx-light libnginx-mod-http-dav-ext
  curl openssl rclone faketime)
# What tests/bench compares runlog with; each is left out where it is missing. Not installed by check.
bench_packages=(libbenchmark-dev libspdlog-dev libgoogle-glog-dev libboost-log-dev liblttng-ust-dev
  lttng-tools babeltrace2 libleveldb-dev librocksdb-dev libsqlite3-dev)

say() { printf '==> %s\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# need_packages PACKAGE…: installs those that are missing; asks for nothing when none is.
need_packages() {
  if ! command -v dpkg-query >/dev/null; then
    say "this is not Debian or Ubuntu: install the equivalents of $* yourself"
    return
  fi
  local package missing=()
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "not root and no sudo; as root: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  say "apt: install ${missing[*]}"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  # RUNLEVEL=1: a server that a package brings is not started by its installation.
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
