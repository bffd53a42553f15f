# The library exports the functions of runlog.h, each with the version in lib/src/api/runlog.map, no
# more and no fewer; and the C++ names have no version.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

library=$RUNLOG_BIN/../lib/librunlog.so
[[ -e $library ]] || { echo "a static library has no versions"; exit 77; }
needs nm binutils

awk '/^RUNLOG_[0-9_]+ \{/ { version = $1 }
     /^ +runlog_[a-z0-9_]+;/ { sub(/;/, ""); print $1 "@@" version }' \
  "$RUNLOG_SOURCE/lib/src/api/runlog.map" | sort >"$TMPDIR/wanted"
nm -D --defined-only --with-symbol-versions "$library" | awk '{ print $3 }' >"$TMPDIR/all"
grep '^runlog_' "$TMPDIR/all" | sort >"$TMPDIR/exported"
diff "$TMPDIR/wanted" "$TMPDIR/exported" >"$out" || fail "runlog.map is not what is exported"
[[ $(lines "$TMPDIR/wanted") -gt 80 ]] || fail "runlog.map has few functions"

grep -oE 'RUNLOG_API[^;(]*[ *]runlog_[a-z0-9_]+\(' <(tr '\n' ' ' <"$RUNLOG_SOURCE/lib/include/runlog/runlog.h" |
  sed 's/RUNLOG_API/\nRUNLOG_API/g') | grep -oE 'runlog_[a-z0-9_]+\($' | tr -d '(' | sort >"$TMPDIR/declared"
sed 's/@@.*//' "$TMPDIR/wanted" | diff "$TMPDIR/declared" - >"$out" || fail "runlog.map is not what runlog.h declares"

grep -q '^_ZN6runlog6Metric3logENS_6NumberEl$' "$TMPDIR/all" || fail "Metric::log is not exported, or has a version"
! grep -E '^_Z.*@' "$TMPDIR/all" >"$out" || fail "C++ names with a version"
