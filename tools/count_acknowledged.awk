# awk -f count_acknowledged.awk ACKNOWLEDGED RECORDS: holds the records of one journal (runlog cat
# --json) against the counters of docs/examples/acknowledged.hpp, and ends with the line
#
#   quickstart: acknowledged N, recovered N, lost 0
#
# Exit status 1 when an acknowledged record is lost, or any is doubled or out of order.
#
# Each counter belongs to one thread. So of its records the first N are the N acknowledged ones, and
# at most one more was in flight: appended, but not yet counted when the process died.
FNR == NR {
  count = $1 + 0
  $1 = ""
  sub(/^ /, "")
  sub(/ +$/, "")
  acknowledged[$0] = count
  next
}
{
  match($0, /"kind":"[^"]*"/)
  what = substr($0, RSTART + 8, RLENGTH - 9)
  if (what == "metric") {
    match($0, /"name":"[^"]*"/)
    what = what " " substr($0, RSTART + 8, RLENGTH - 9)
    match($0, /"step":[0-9]+/)
    check_step(what, substr($0, RSTART + 7, RLENGTH - 7) + 0)
  }
  found[what]++
}

# A metric comes every so many steps, and so often per step: as at its first step, so at all of them,
# but for the last, in which the process died.
function check_step(what, step) {
  if (!(what in stride)) stride[what] = at[what] = step
  if (step == at[what]) {
    length_of[what]++
    return
  }
  if (!(what in group)) group[what] = length_of[what]
  if (step != at[what] + stride[what] || length_of[what] != group[what]) wrong = what " near step " step
  at[what] = step
  length_of[what] = 1
}

END {
  for (what in found) if (!(what in acknowledged)) wrong = what ", which nobody logged"
  for (what in acknowledged) {
    total += acknowledged[what]
    more = found[what] - acknowledged[what]
    recovered += more < 0 ? found[what] : acknowledged[what]
    if (more > 0) in_flight += more
    if (more > 1) wrong = what " is there more often than it was logged"
    printf "%8d  %-32s %8d found\n", acknowledged[what], what, found[what] | "sort -k2"
  }
  close("sort -k2")
  if (in_flight > 0) print "in flight when it was killed, and found as well: " in_flight
  if (wrong != "") print "missing, doubled or out of order: " wrong
  printf "quickstart: acknowledged %d, recovered %d, lost %d\n", total, recovered, total - recovered
  exit !(total > 0 && total == recovered && wrong == "")
}
