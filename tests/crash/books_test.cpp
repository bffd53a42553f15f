// Promise: the books close. Of each thread every call that has returned is in the data once or told
// as dropped, whether the job ends or is killed, while there is room and while there is none.
#include <fcntl.h>
#include <signal.h>

#include <fstream>
#include <thread>

#include "support/acknowledged.hpp"
#include "support/books.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"

using test::Acknowledged;
using test::Process;
using test::TemporaryDirectory;
using test::tool;
using test::victim;

namespace {

// A job of three threads whose store is down, and whose disk budget is soon used up.
class Tight {
 public:
  explicit Tight(std::uint64_t records)
      : store_(place_ / "store"), acknowledged_(test::map_acknowledged(place_ / "notes")) {
    REQUIRE(acknowledged_ != nullptr);
    std::ofstream(store_) << "a file where the store's directory should be";
    job_.emplace(
        std::vector<std::string>{victim("killable"), place_ / "runs", place_ / "notes", "3",
                                 "tight", "plain", std::to_string(records)},
        std::vector<std::pair<std::string, std::string>>{{"RUNLOG_SEGMENT_BYTES", "64KiB"},
                                                         {"RUNLOG_PACK_BYTES", "64KiB"},
                                                         {"RUNLOG_DISK_BUDGET", "768KiB"},
                                                         {"RUNLOG_SYNC_INTERVAL", "20ms"},
                                                         {"RUNLOG_SHIP_INTERVAL", "100ms"},
                                                         {"RUNLOG_FINISH_DEADLINE", "300ms"},
                                                         {"RUNLOG_STORE", store_}});
  }

  Process& job() { return *job_; }
  [[nodiscard]] const Acknowledged& acknowledged() const { return *acknowledged_; }
  // The store is back. 3: all is shipped, and drops are told.
  void recover() {
    std::filesystem::remove(store_);
    CHECK(test::run_command({tool("runlog-recover"), place_ / "runs", "-q"}).first.code == 3);
  }
  void check(const test::Books& books) const {
    (void)test::check_books(place_ / "runs", books);
    (void)test::check_books(store_, books);
  }

 private:
  TemporaryDirectory place_;
  std::filesystem::path store_;
  Acknowledged* acknowledged_;
  std::optional<Process> job_;
};

// More than the budget holds, of each thread.
constexpr std::uint64_t kMuch = 60'000;

}  // namespace

TEST_CASE("drops of several threads are told to the record, by the data and by stats()") {
  Tight tight(kMuch);
  REQUIRE(tight.job().wait().code == 0);
  REQUIRE(tight.acknowledged().has_ended);
  REQUIRE(tight.acknowledged().dropped > 0);
  tight.recover();
  const auto books = test::books_of(tight.acknowledged());
  CHECK(books.accounts[0].acknowledged == kMuch);
  CHECK(books.accounts[2].acknowledged == kMuch);
  tight.check(books);
}

TEST_CASE("a job killed while it drops: nothing is told that was not, and nothing kept is lost") {
  // So many calls that the budget has been used up when they have returned; see the test above.
  Tight tight(1'000'000'000);
  while (tight.acknowledged().total() < 3 * kMuch && tight.job().is_running()) {
    std::this_thread::yield();
  }
  tight.job().kill(SIGKILL);
  REQUIRE(tight.job().wait().signal == SIGKILL);
  tight.recover();
  auto books = test::books_of(tight.acknowledged());
  books.is_killed = true;
  books.was_dropping = true;
  tight.check(books);
}
