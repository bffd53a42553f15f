#!/usr/bin/env bash
# Is the installed package complete? Installs this build, moves the tree elsewhere, and builds a
# stranger's program against it with CMake and with pkg-config: first shared, then static (the
# library is configured a second time for that). Each program runs, and the installed `runlog`
# must show what it logged. Called by CTest, which sets the variables below and CMAKE_GENERATOR.
set -euo pipefail
: "${RUNLOG_SOURCE:?}" "${RUNLOG_BUILD:?}" "${RUNLOG_SCRATCH:?}" "${CMAKE:?}" "${CXX:?}"
here=$RUNLOG_SOURCE/tests/consumer
rm -rf -- "$RUNLOG_SCRATCH"
mkdir -p -- "$RUNLOG_SCRATCH"
cd -- "$RUNLOG_SCRATCH"

say() { printf '==> %s\n' "$*"; }
die() { printf 'consumer test: %s\n' "$*" >&2; exit 1; }

must_have() {  # PREFIX GLOB…: each is there
  local prefix=$1 pattern; shift
  for pattern in "$@"; do
    compgen -G "$prefix/$pattern" >/dev/null || die "not installed: $pattern"
  done
}

# check_program PROGRAM WHO: it runs and the record it logged can be read by the installed tool.
check_program() {
  local program=$1 who=$2 root=$PWD/runs-$2
  "$program" "$root" "hello from $who"
  "$tool" cat --json "$root" >"$who.json"
  grep -q '"name":"consumer/answer".*"step":7' "$who.json" || die "$who: its metric is not in $who.json"
  grep -q "hello from $who" "$who.json" || die "$who: its text is not in $who.json"
}

# build_both PREFIX KIND: with CMake and with pkg-config.
build_both() {
  local prefix=$1 kind=$2 pc_flags=()
  say "$kind: a program built with find_package(runlog)"
  "$CMAKE" -S "$here" -B "cmake-$kind" -DCMAKE_PREFIX_PATH="$prefix" \
    -DCMAKE_CXX_COMPILER="$CXX" -DCMAKE_BUILD_TYPE=Release >"cmake-$kind.log" || { cat "cmake-$kind.log"; exit 1; }
  "$CMAKE" --build "cmake-$kind" >>"cmake-$kind.log" || { cat "cmake-$kind.log"; exit 1; }
  check_program "./cmake-$kind/consumer" "cmake-$kind"

  say "$kind: a program built with pkg-config"
  local pc_dir; pc_dir=$(dirname "$(find "$prefix" -name runlog.pc)")
  [ "$kind" = static ] && pc_flags=(--static)
  local flags; flags=$(PKG_CONFIG_PATH="$pc_dir" pkg-config "${pc_flags[@]}" --cflags --libs runlog)
  # Word splitting is what pkg-config's output is for.
  # shellcheck disable=SC2086
  "$CXX" -std=c++20 -Wall -Wextra -Wconversion -Werror "$here/main.cpp" -o "pkg-config-$kind" $flags -Wl,-rpath,"$(dirname "$pc_dir")"
  check_program "./pkg-config-$kind" "pkg-config-$kind"

  say "$kind: a program in C built with pkg-config"
  # shellcheck disable=SC2086
  "${CC:-cc}" -std=c99 -pedantic -Wall -Wextra -Werror "$here/main.c" -o "c-$kind" $flags -Wl,-rpath,"$(dirname "$pc_dir")"
  check_program "./c-$kind" "c-$kind"
}

say "install this build, and move what was installed"
"$CMAKE" --install "$RUNLOG_BUILD" --prefix "$PWD/installed-first" >install.log
mv installed-first shared
must_have shared bin/runlog bin/runlog-recover include/runlog/runlog.hpp include/runlog/runlog.h include/runlog/version.hpp \
  'lib*/librunlog.so.0' 'share/man/man1/runlog.1' 'share/man/man1/runlog-recover.1' \
  'share/bash-completion/completions/runlog' 'share/bash-completion/completions/runlog-recover'
tool=$PWD/shared/bin/runlog
"$tool" --help >/dev/null
shared/bin/runlog-recover --help >/dev/null
build_both "$PWD/shared" shared

say "the library once more, static"
"$CMAKE" -S "$RUNLOG_SOURCE" -B build-static -DCMAKE_CXX_COMPILER="$CXX" -DCMAKE_BUILD_TYPE=Release \
  -DBUILD_SHARED_LIBS=OFF -DRUNLOG_BUILD_TOOLS=OFF -DRUNLOG_BUILD_TESTS=OFF \
  -DRUNLOG_BUILD_EXAMPLES=OFF -DCMAKE_INSTALL_PREFIX="$PWD/static" >build-static.log
"$CMAKE" --build build-static --parallel 2 --target install >>build-static.log ||
  { tail -50 build-static.log; exit 1; }
must_have static 'lib*/librunlog.a'
build_both "$PWD/static" static
say "the installed package is complete"
