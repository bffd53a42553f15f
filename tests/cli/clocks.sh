# Clocks that are behind: a job goes on on another host, and its attempts keep their order.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"
command -v faketime >/dev/null || fail "faketime is missing; install it, or let tools/check do it"
attempt="$RUNLOG_VICTIMS/attempt"
export RUNLOG_STORE=$PWD/store FAKETIME_DONT_FAKE_MONOTONIC=1

# values PLACE: how often each value of "loss" is shown, without what a rewind made void
values() {
  "$runlog" cat --rewind --csv --name loss "$1" | awk -F, -v RS='\r?\n' '
    NR == 1 { for (i = 1; i <= NF; ++i) at[$i] = i; next }
    { ++count[$at["value"] + 0]; ++steps[$at["step"]] }
    END { n = 0; for (s in steps) { ++n; if (steps[s] != 1) print "step", s, "twice" }
          print n, count[1] + 0, count[2] + 0, count[3] + 0 }'
}

for behind in +0s -5s -90m; do
  rm -rf runs store
  "$attempt" runs 0 300 1 kill || true
  faketime -f "$behind" "$attempt" runs 150 400 2 kill || true
  faketime -f "$behind" "$attempt" runs 350 500 3
  equal "$(values runs)" '500 150 200 150' "runs, $behind"
  # As they lie: an attempt behind the other.
  "$runlog" cat --csv --name loss runs >all
  equal "$(awk -F, 'NR > 1 && $0 ~ /loss/' all | wc -l)" 700
  "$runlog" ls --json runs >list
  equal "$(grep -o '"attempt":[0-9]*' list | cut -d: -f2 | paste -sd ' ')" '1 2 3'
  equal "$(grep -o '"state":"[a-z]*"' list | cut -d'"' -f4 | paste -sd ' ')" 'crashed crashed complete'
  run 0 "$recover" -q runs
  equal "$(values store)" '500 150 200 150' "store, $behind"
  "$runlog" ls --json store >list
  equal "$(grep -o '"state":"[a-z]*"' list | cut -d'"' -f4 | paste -sd ' ')" 'crashed crashed complete'
done
