# Helpers for the tests of the programs. Not a test: CTest runs *.sh only. Sourced with
#   source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
# A test leaves at the first failed assertion and prints what it saw.
export LC_ALL=C.UTF-8 NO_COLOR=1
unset RUNLOG_ROOT RUNLOG_STORE RUNLOG_RUN_ID RUNLOG_RANK TORCHELASTIC_ERROR_FILE COLUMNS

runlog=$RUNLOG_BIN/runlog
recover=$RUNLOG_BIN/runlog-recover
writer=$RUNLOG_VICTIMS/cli_writer
out=$TMPDIR/out  # what the last `run` wrote to stdout
err=$TMPDIR/err  # and to stderr

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  if [[ -s $out ]]; then printf -- '--- stdout\n%s\n' "$(head -c 4000 "$out" | cat -v)" >&2; fi
  if [[ -s $err ]]; then printf -- '--- stderr\n%s\n' "$(head -c 4000 "$err" | cat -v)" >&2; fi
  exit 1
}

# run CODE COMMAND…: runs it and wants this exit code.
run() {
  local wanted=$1 code=0
  shift
  "$@" >"$out" 2>"$err" || code=$?
  [[ $code == "$wanted" ]] || fail "exit $code instead of $wanted: $*"
}

# has FILE TEXT… / lacks FILE TEXT…: each TEXT stands, or does not stand, in FILE.
has() {
  local file=$1 text
  shift
  for text; do grep -qF -- "$text" "$file" || fail "no '$text' in $(basename "$file")"; done
}
lacks() {
  local file=$1 text
  shift
  for text; do ! grep -qF -- "$text" "$file" || fail "'$text' in $(basename "$file")"; done
}

equal() { [[ $1 == "$2" ]] || fail "'$1' is not '$2'${3:+: $3}"; }
lines() { wc -l <"$1" | tr -d ' '; }

# No byte that a terminal would act on, but line ends.
is_clean() {
  local code=0
  LC_ALL=C grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]' "$1" || code=$?
  [[ $code != 0 ]] || fail "control characters in $(basename "$1")"
  [[ $code == 1 ]] || fail "grep cannot look into $1"
}

# on_terminal CODE COMMAND…: runs it with stdin, stdout and stderr on a pseudo-terminal, into $out, and
# wants this exit code.
on_terminal() {
  local wanted=$1 code=0 line
  shift
  printf -v line '%q ' "$@"
  script -qefc "$line" /dev/null </dev/null >"$out" 2>"$err" || code=$?
  [[ $code == "$wanted" ]] || fail "exit $code instead of $wanted on a terminal: $*"
}

# needs PROGRAM PACKAGE: a check that cannot be made is no check that passes. tools/check installs it.
needs() { command -v "$1" >/dev/null || fail "there is no $1: apt-get install $2"; }

# The names of all subcommands of runlog, one a line.
subcommands() { "$runlog" --help | sed -n '/^Subcommands:/,$p' | grep -oP '^  \K[a-z]+'; }

# overwrite FILE OFFSET TEXT: bit rot.
overwrite() { printf '%s' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }
