# The questions of docs/queries.md, as they stand there, to a store of several runs and ranks, some
# of them crashed; the answers are those that the page shows.
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

# member RUN RANK WORLD ARGUMENTS…: one process.
member() {
  RUNLOG_RUN_ID=$1 RUNLOG_RANK=$2 RUNLOG_WORLD=$3 "$RUNLOG_VICTIMS/campaign" runs "${@:4}" 2>>stderr || true
}
member steady 0 2 complete 100
member steady 1 2 complete 100
member diverged 0 1 diverge 60
member interrupted 0 1 kill 70
member interrupted 0 1 complete 100 50
member killed 0 1 kill 33
member aborted 0 1 abort 25
member 4711 0 1 complete 100
"$RUNLOG_BIN/runlog-recover" runs --store store -q

split_page
asked=0
for table in *.table; do
  # A row of JSON as a row of the table.
  ask store "$(cat 1.sql "${table%.table}.sql")" |
    node -e 'require("readline").createInterface({input: process.stdin}).on("line", (line) =>
      console.log("| " + JSON.parse(line).map((cell) => cell ?? "").join(" | ") + " |"))' |
    sed 's/|  |/| |/g' >answer
  diff -u "$table" answer || fail "docs/queries.md, block ${table%.table}: the page (-) and DuckDB (+) differ"
  asked=$((asked + 1))
done
((asked == 6)) || fail "$asked questions with an answer instead of 6"
