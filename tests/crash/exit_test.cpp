// Promise: however a process leaves by exit(), a call is safe and its record kept until the last
// instruction, and the run's end is told.
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

struct Left {
  test::Exit exit;
  test::Contents contents;
};

// Runs a mode of the victim and holds the books: what a slot had acknowledged is there once, in
// order; `in_flight`: and at most the one record more that it was about to log.
Left leave(const std::string& mode, bool in_flight = false, const std::string& store = "") {
  INFO(mode);
  TemporaryDirectory root;
  const std::string tally = (root / "tally").native();
  const auto [exit, output] =
      test::run_command({victim("leaving"), mode, tally},
                        {{"RUNLOG_ROOT", (root / "runs").native()}, {"RUNLOG_STORE", store}});
  CHECK(exit.signal == 0);
  const auto* const acknowledged = test::map_acknowledged(tally);
  REQUIRE(acknowledged != nullptr);
  CHECK(acknowledged->total() >= 300);
  auto books = test::books_of(*acknowledged);
  books.is_killed = in_flight;
  // One thread logged them, but a thread's last records are in another lane than its first.
  books.is_in_order = false;
  books.dropped = 0;
  auto contents = test::check_books(root / "runs", books);
  return {exit, std::move(contents)};
}

void check_complete(const std::string& mode, std::size_t journals = 1) {
  const auto [exit, contents] = leave(mode);
  INFO(mode);
  CHECK(exit.code == 0);
  CHECK(contents.journals.size() == journals);
  for (const auto& journal : contents.journals) {
    CHECK(journal.state == runlog::JournalState::complete);
  }
}

// One journal of the process, which is complete, and one of its forked child.
void check_child(const std::string& mode, runlog::JournalState childs) {
  const auto [exit, contents] = leave(mode);
  CHECK(exit.code == 0);
  REQUIRE(contents.journals.size() == 2);
  for (const auto& journal : contents.journals) {
    const bool is_childs = !journal.parent_session.empty();
    CHECK(journal.state == (is_childs ? childs : runlog::JournalState::complete));
  }
}

}  // namespace

TEST_CASE("a run in a global or function-static variable ends with the process") {
  check_complete("static");
  check_complete("function-static");
  check_complete("optional-pointer", 2);
}

TEST_CASE("a run that Run::current() started ends with the process") {
  check_complete("current");
}

TEST_CASE("a run is logged to after its static handle and metric have been destroyed") {
  check_complete("destroyed-later");
}

TEST_CASE("atexit handlers log, whether registered before the run or after it") {
  check_complete("atexit-first");
  check_complete("atexit-later");
}

TEST_CASE("a child that is forked after the end was told has a journal of its own") {
  check_child("late-fork", runlog::JournalState::crashed);
}

TEST_CASE("exit without memory tells the end all the same") {
  const auto [exit, contents] = leave("no-memory");
  CHECK(exit.code == 0);
  const auto ends = contents.of(runlog::Kind::status);
  REQUIRE(ends.size() == 2);
  CHECK(ends.back().name == "complete");
}

TEST_CASE("more than a segment can be logged after the end was told") {
  check_complete("much");
}

TEST_CASE("a process whose threads have all ended behind main()'s ends, and completes its run") {
  check_complete("pthread-exit");
}

TEST_CASE("destructors of thread_local objects log, of the main thread and of others") {
  check_complete("thread-local-main");
  check_complete("thread-local-first", 2);
  check_complete("thread-local-later", 2);
}

TEST_CASE("destructors of thread keys log, before and after the library has let the thread go") {
  check_complete("keys");
}

TEST_CASE("threads that log while another calls exit() lose nothing, with two runs") {
  for (const char* mode : {"threads", "threads-exit", "threads-exit-3"}) {
    const auto [exit, contents] = leave(mode, true);
    INFO(mode);
    const bool is_failed = std::string_view(mode) == "threads-exit-3";
    CHECK(exit.code == (is_failed ? 3 : 0));
    REQUIRE(contents.journals.size() == 2);
    for (const auto& journal : contents.journals) {
      CHECK(journal.state ==
            (is_failed ? runlog::JournalState::failed : runlog::JournalState::complete));
    }
  }
}

TEST_CASE("exit with a status ends an open run as failed, and an ended one not again") {
  const auto [exit, contents] = leave("exit-3");
  CHECK(exit.code == 3);
  CHECK(contents.journals.at(0).state == runlog::JournalState::failed);
  CHECK(contents.journals.at(0).end_reason == "exit status 3");
  CHECK(leave("exit-256").contents.journals.at(0).state == runlog::JournalState::complete);
  const auto ended = leave("ended-3");
  CHECK(ended.exit.code == 3);
  CHECK(ended.contents.journals.at(0).state == runlog::JournalState::complete);
}

TEST_CASE("exit in a forked child ends the child's journal and not its parent's") {
  check_child("child", runlog::JournalState::failed);
}

TEST_CASE("what is logged at the very end reaches a store that is a directory") {
  TemporaryDirectory store;
  leave("destroyed-later", false, store.path().native());
  const auto contents = read(store.path());
  CHECK(contents.steps(test::slot_name(0)).size() == 500);
  CHECK(contents.steps(test::slot_name(1)).size() == 100);
  CHECK(contents.journals.at(0).state == runlog::JournalState::complete);
}
