// Promise: a sync of the device that takes its time is no failure: wait_until says Timeout and not
// Failed, the job itself comes to its end, and of a journal that is moved meanwhile no record is in
// two directories.
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "runlog/runlog.hpp"
#include "support/books.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

enum class Hold : std::uint8_t { nothing, next, held };
std::atomic<Hold> hold = Hold::nothing;

// In a thread of its own, a sync of all that the run has appended, which stands still until
// release().
class SlowSync {
 public:
  explicit SlowSync(runlog::Run run) {
    hold = Hold::next;
    thread_ = std::thread([run]() mutable { (void)run.wait_until(runlog::Durable, 60s); });
    hold.wait(Hold::next);
  }
  ~SlowSync() { release(); }
  SlowSync(const SlowSync&) = delete;
  SlowSync& operator=(const SlowSync&) = delete;
  void release() {
    hold = Hold::nothing;
    hold.notify_all();
    if (thread_.joinable()) thread_.join();
  }

 private:
  std::thread thread_;
};

struct Job {
  Job() {
    auto started = runlog::start_logging({.root = directory / "runs",
                                          .run_id = "job",
                                          .store = (directory / "store").native(),
                                          .sync_interval = 1h,
                                          .ship_interval = 1h,
                                          .on_error = [](const runlog::Error&) {}});
    REQUIRE(started);
    run = *started;
    log(100);
  }
  void log(int count) {
    for (int i = 0; i < count; ++i, ++calls) run.log("loss", 1.0, calls);
  }
  // The keeper comes round within each: it finds the segment busy, and asks again.
  void check_that_nothing_fails() {
    for (int i = 0; i < 5; ++i) {
      CHECK(run.wait_until(runlog::Shipped, 100ms) == runlog::Wait::Timeout);
    }
  }

  test::TemporaryDirectory directory;
  runlog::Run run;
  std::int64_t calls = 0;
};

}  // namespace

// In the place of the C library's.
extern "C" int msync(void* begin, std::size_t bytes, int flags) {
  auto expected = Hold::next;
  if (hold.compare_exchange_strong(expected, Hold::held)) {
    hold.notify_all();
    hold.wait(Hold::held);
  }
  return static_cast<int>(::syscall(SYS_msync, begin, bytes, flags));
}

TEST_CASE("what waits for a slow sync has not failed, and is done after it") {
  Job job;
  SlowSync sync(job.run);
  job.check_that_nothing_fails();
  sync.release();
  CHECK(job.run.wait_until(runlog::Shipped, 60s) == runlog::Wait::Done);
  job.run.complete();
  (void)test::check_books(job.directory / "store", {.accounts = {{"loss", 100}}, .dropped = 0});
}

TEST_CASE("the end of a run waits for a slow sync, and is not left to recovery") {
  Job job;
  const fs::path packs = job.run.journal_path() / "packs";
  SlowSync sync(job.run);
  std::atomic<bool> has_ended = false;
  std::thread releasing([&] {
    // The pack has taken the file that was set aside for it, and whoever comes back to its segment
    // has set aside another one.
    const auto is_put_off = [&] {
      return fs::exists(packs / "reserve.tmp") && !test::packs_below(packs).empty();
    };
    while (!is_put_off() && !has_ended) std::this_thread::yield();
    sync.release();
  });
  job.run.complete();
  has_ended = true;
  releasing.join();
  const auto contents =
      test::check_books(job.directory / "store", {.accounts = {{"loss", 100}}, .dropped = 0});
  CHECK(contents.journals.at(0).state == runlog::JournalState::complete);
  CHECK(fs::exists(job.run.journal_path() / "shipped" / "end.json"));
}

TEST_CASE("a journal that is moved beside a slow sync has each record in one place") {
  Job job;
  const fs::path journal = job.run.journal_path();
  const fs::path moved = job.directory / "moved" / "job" / journal.filename();
  SlowSync sync(job.run);
  fs::create_directories(moved.parent_path());
  fs::rename(journal, moved);
  job.check_that_nothing_fails();
  job.log(100);
  sync.release();
  CHECK(job.run.wait_until(runlog::Shipped, 60s) == runlog::Wait::Done);
  job.run.complete();
  std::vector<std::int64_t> steps;
  for (const std::string place : {"moved", "runs"}) {
    INFO(place);
    const auto contents = test::read(job.directory / place);
    CHECK(contents.damage.empty());
    const auto some = contents.steps("loss");
    steps.insert(steps.end(), some.begin(), some.end());
  }
  CHECK(steps == test::counting(job.calls));
}
