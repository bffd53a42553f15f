// Promise: calls that were dropped are told in the data, exactly, though the process was killed
// while it dropped them, and recovery while it told of them.
#include <signal.h>

#include <cstdint>
#include <filesystem>
#include <thread>

#include "support/acknowledged.hpp"
#include "support/books.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"

namespace {

constexpr std::size_t kThreads = 4;
constexpr int kLost = 3;  // exit status: records were dropped
using Environment = std::vector<std::pair<std::string, std::string>>;

// A job whose four threads log into a budget of eight segments.
struct Job {
  test::TemporaryDirectory root, store, scratch;
  test::Acknowledged* acknowledged = test::map_acknowledged(scratch / "acknowledged");

  [[nodiscard]] std::vector<std::string> command() const {
    return {test::victim("killable"),
            root.path(),
            scratch / "acknowledged",
            std::to_string(kThreads),
            "tight",
            "plain",
            "4000000000"};
  }
  [[nodiscard]] static Environment environment(const Environment& more) {
    Environment all = {{"RUNLOG_SEGMENT_BYTES", "65536"},
                       {"RUNLOG_PACK_BYTES", "65536"},
                       {"RUNLOG_DISK_BUDGET", "524288"},
                       {"RUNLOG_SHIP_INTERVAL", "100ms"}};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  [[nodiscard]] int recover(const std::string& killed_at = "nowhere") const {
    return test::run_command({test::tool("runlog-recover"), root.path(), "-q"},
                             {{"RUNLOG_CRASH_AT", killed_at}})
        .first.code;
  }

  // Of the calls under way when it died, one of each thread, nobody knows.
  void check_books(const std::filesystem::path& place) const {
    auto books = test::books_of(*acknowledged);
    books.is_killed = true;
    books.was_dropping = true;
    books.tells_in_its_lane = false;  // a pack that goes has records of all of them
    CHECK(test::check_books(place, books).dropped() > 0);
  }
};

}  // namespace

TEST_CASE("what a job drops is told though it was killed, at any moment") {
  for (const char* const overflow : {"drop_newest_counted", "drop_oldest_packed"}) {
    for (const std::uint64_t calls : {300'000u, 700'000u, 1'500'000u}) {
      Job job;
      INFO(overflow << ", killed after " << calls << " calls");
      test::Process victim(job.command(), Job::environment({{"RUNLOG_OVERFLOW", overflow}}));
      while (job.acknowledged->total() < calls && victim.is_running()) std::this_thread::yield();
      victim.kill(SIGKILL);
      CHECK(victim.wait().signal == SIGKILL);
      job.check_books(job.root.path());  // by who looks before it is recovered
      CHECK(job.recover() == kLost);
      job.check_books(job.root.path());
      CHECK(job.recover() == 0);  // there is nothing left to do
      job.check_books(job.root.path());
    }
  }
}

#if defined(RUNLOG_CRASH_POINTS)

TEST_CASE("a kill between the record that tells of drops and the count of what is told") {
  for (const std::string point :
       {"before_gap:1", "before_gap:3", "after_gap:1", "after_gap:2", "in_gap:1", "in_gap:3"}) {
    Job job;
    INFO("killed at " << point);
    const auto [exit, output] =
        test::run_command(job.command(), Job::environment({{"RUNLOG_CRASH_AT", point}}));
    REQUIRE(exit.signal == SIGKILL);
    job.check_books(job.root.path());
    CHECK(job.recover() == kLost);
    job.check_books(job.root.path());
  }
}

TEST_CASE("a kill around the removal of a pack that nobody has shipped") {
  for (const std::string point : {"before_evict:1", "before_evict:4", "in_evict:1", "in_evict:5"}) {
    Job job;
    INFO("killed at " << point);
    const auto [exit, output] = test::run_command(
        job.command(),
        Job::environment({{"RUNLOG_OVERFLOW", "drop_oldest_packed"}, {"RUNLOG_CRASH_AT", point}}));
    REQUIRE(exit.signal == SIGKILL);
    job.check_books(job.root.path());
    CHECK(job.recover() == kLost);
    job.check_books(job.root.path());
  }
}

TEST_CASE("a recovery that is killed while it tells of drops tells of them once") {
  for (const std::string point : {"before_pack_rename:1", "after_pack_rename:1", "in_remove:1",
                                  "before_forget", "after_forget"}) {
    Job job;
    INFO("recovery killed at " << point);
    test::Process victim(job.command(), Job::environment({}));
    while (job.acknowledged->total() < 700'000 && victim.is_running()) std::this_thread::yield();
    victim.kill(SIGKILL);
    CHECK(victim.wait().signal == SIGKILL);
    CHECK(job.recover(point) == -1);
    job.check_books(job.root.path());
    CHECK(job.recover() == kLost);
    job.check_books(job.root.path());
  }
}

#endif
