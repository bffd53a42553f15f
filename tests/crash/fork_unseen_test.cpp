// Promise: fork by any means, at any moment, loses nothing: a child writes its own journal, never
// its parent's, and never hangs.
#include <signal.h>

#include <algorithm>

#include "support/acknowledged.hpp"
#include "support/books.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"

using test::read;
using test::TemporaryDirectory;
using test::victim;

namespace {

// What each process had acknowledged is there once, nothing more.
void check_books(test::Contents contents, const test::Acknowledged& acknowledged,
                 std::size_t slots) {
  std::erase_if(contents.rows, [](const test::Row& row) { return row.step == -1; });
  auto books = test::books_of(acknowledged);
  books.is_in_order = false;  // a thread's first records may be in a lane of many
  books.dropped = 0;
  CHECK(test::problem_with_books(contents, books) == "");
  for (std::size_t slot = 0; slot < slots; ++slot) CHECK(acknowledged.records[slot].load() > 0);
}

}  // namespace

TEST_CASE("a child that no fork handler knows of writes its own journal") {
  for (const char* how : {"_Fork", "clone", "fork"}) {
    INFO(how);
    TemporaryDirectory root;
    const std::string tally = (root / "tally").native();
    const auto [exit, output] =
        test::run_command({victim("forking"), "unseen", (root / "runs").native(), tally, how});
    CHECK(exit.code == 0);
    const auto contents = read(root / "runs");
    check_books(contents, *test::map_acknowledged(tally), 3);
    CHECK(contents.journals.size() == 3);
    // A process's records are in one journal, which holds no other's.
    for (std::size_t slot = 0; slot < 3; ++slot) {
      std::vector<std::string> sessions;
      for (const auto& row : contents.rows) {
        if (row.name == test::slot_name(slot)) sessions.push_back(row.session);
      }
      std::sort(sessions.begin(), sessions.end());
      CHECK(std::unique(sessions.begin(), sessions.end()) == sessions.begin() + 1);
    }
  }
}

TEST_CASE("a child that returns into its parent's call writes nothing where the parent does") {
  TemporaryDirectory root;
  const std::string tally = (root / "tally").native();
  const auto [exit, output] =
      test::run_command({victim("forking"), "handler", (root / "runs").native(), tally});
  CHECK(exit.code == 0);
  CHECK(output == "killed 0\n");
  auto contents = read(root / "runs");
  // A child that was made before the call makes one of its own.
  std::vector<std::string> childs;
  for (const auto& journal : contents.journals) {
    if (!journal.parent_session.empty()) childs.push_back(journal.session);
  }
  std::erase_if(contents.rows, [&](const test::Row& row) {
    return std::find(childs.begin(), childs.end(), row.session) != childs.end();
  });
  check_books(contents, *test::map_acknowledged(tally), 1);
  const auto rows = contents.steps(test::slot_name(0)).size();
  CHECK(contents.steps("other/1").size() == rows);
  CHECK(contents.steps("other/23").size() == rows);
}

TEST_CASE("a fork while other threads first use the library hangs no child") {
  for (int time = 0; time < 5; ++time) {
    TemporaryDirectory root;
    const auto [exit, output] = test::run_command(
        {victim("forking"), "start", (root / "runs").native(), (root / "tally").native()});
    CHECK(exit.code == 0);
    CHECK(output == "hung 0\n");
    const auto contents = read(root / "runs");
    CHECK(contents.steps("from/child").size() == 40);
    CHECK(contents.steps("from/thread").size() == 8);
    CHECK(contents.damage.empty());
  }
}

TEST_CASE("a child needs no lock of the C library's calendar, which a thread of its parent held") {
  TemporaryDirectory root;
  const auto [exit, output] =
      test::run_command({victim("forking"), "calendar", (root / "runs").native(),
                         (root / "tally").native(), (root / "zone").native()});
  CHECK(exit.code == 0);
  CHECK(read(root / "runs").steps("from/child") == test::counting(1));
}

TEST_CASE("a worker that logs a little has no threads of ours") {
  TemporaryDirectory root;
  const auto [exit, output] =
      test::run_command({victim("forking"), "worker", root.path(), (root / "tally").native()});
  CHECK(exit.code == 0);
  CHECK(read(root.path()).steps("from/worker") == test::counting(1000));
}

TEST_CASE("a daemon that logs far beyond its budget is synced, packed and shipped") {
  TemporaryDirectory root;
  const std::string tally = (root / "tally").native();
  const auto [exit, output] =
      test::run_command({victim("forking"), "much", (root / "runs").native(), tally},
                        {{"RUNLOG_STORE", (root / "store").native()}});
  CHECK(exit.code == 0);
  unsigned long dropped = 1;
  unsigned long syncs = 0;
  unsigned long packs = 0;
  REQUIRE(std::sscanf(output.c_str(), "dropped %lu syncs %lu packs %lu", &dropped, &syncs,
                      &packs) == 3);
  CHECK(dropped == 0);
  CHECK(packs > 10);
  check_books(read(root / "store"), *test::map_acknowledged(tally), 1);
}

TEST_CASE("a daemon that logs little for long has its records shipped while it lives") {
  TemporaryDirectory root;
  const std::string tally = (root / "tally").native();
  const auto [exit, output] =
      test::run_command({victim("forking"), "long", (root / "runs").native(), tally},
                        {{"RUNLOG_STORE", (root / "store").native()}});
  CHECK(output == "shipped 1\n");
  CHECK(read(root / "store").steps(test::slot_name(0)).size() >= 1);
  CHECK(read(root / "runs").steps(test::slot_name(0)) ==
        test::counting(static_cast<std::int64_t>(test::map_acknowledged(tally)->records[0])));
}

TEST_CASE("what a child dropped before it had a journal is told by its parent") {
  for (const std::string how : {"once", "later", "both"}) {
    INFO(how);
    TemporaryDirectory root;
    const std::string tally = (root / "tally").native();
    const auto [exit, output] =
        test::run_command({victim("forking"), "without", (root / "runs").native(), tally, how}, {});
    CHECK(exit.signal == (how == "both" ? SIGKILL : 0));
    CHECK(test::run_command({test::tool("runlog-recover"), root / "runs", "-q"}).first.code % 3 ==
          0);
    auto books = test::books_of(*test::map_acknowledged(tally));
    books.is_killed = true;
    books.tells_in_its_lane = false;
    const auto contents = test::check_books(root / "runs", books);
    CHECK(contents.dropped() >= 500);
    CHECK(contents.journals.size() == (how == "later" ? 2 : 1));
    if (how == "later") CHECK(contents.steps(test::slot_name(1)).size() >= 100);
  }
}

TEST_CASE("a child survives that its parent's crash file was cut off") {
  TemporaryDirectory root;
  const std::string tally = (root / "tally").native();
  const auto [exit, output] = test::run_command(
      {victim("forking"), "without", (root / "runs").native(), tally, "truncated"}, {});
  CHECK(exit.code == 0);  // it was killed when it had logged all, by its own SIGKILL
  CHECK(test::map_acknowledged(tally)->records[1].load() == 500);
}
