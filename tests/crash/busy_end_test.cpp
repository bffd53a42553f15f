// Promise: on a machine whose cores are all busy, the end comes in its deadline. Whoever waits does
// the keeper's work at his own priority; what the keeper was in the middle of, it gives up. Nor
// does more wait for the end than a second brings: the thread that syncs packs when the keeper,
// which has the lowest priority, cannot keep up.
#include <filesystem>

#include "support/books.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"

TEST_CASE("complete() beside threads that spin comes to its end, with every record in a pack") {
  const test::TemporaryDirectory root;
  const auto [exit, output] =
      test::run_command({test::victim("busy_end"), root.path().native(), "3000000", "6"});
  INFO(output);
  REQUIRE(exit.code == 0);
  const test::Tally tally = test::parse_tally(output);
  const auto contents = test::check_books(
      root.path(), {.accounts = {{"train/loss", tally.calls}}, .dropped = tally.dropped});
  // The end came to its end: nothing is left for recovery.
  REQUIRE(contents.journals.size() == 1);
  CHECK(contents.journals[0].state == runlog::JournalState::complete);
  CHECK(contents.journals[0].segments_waiting == 0);
  const auto journal = contents.journals[0].path;
  CHECK(std::filesystem::is_empty(journal / "lanes"));
  CHECK(std::filesystem::exists(journal / "end.json"));
}

#if defined(RUNLOG_CRASH_POINTS)
TEST_CASE("what a keeper that gets no core leaves is packed while the job goes on") {
  const test::TemporaryDirectory root;
  // Its thread stays where it sleeps.
  const auto [exit, output] = test::run_command(
      {test::victim("busy_end"), root.path().native(), "100000", "0", "until-packed"},
      {{"RUNLOG_HANG_AT", "keeper_sleeps"}});
  INFO(output);
  REQUIRE(exit.code == 0);
  const test::Tally tally = test::parse_tally(output);
  (void)test::check_books(root.path(),
                          {.accounts = {{"train/loss", tally.calls}}, .dropped = tally.dropped});
}
#endif
