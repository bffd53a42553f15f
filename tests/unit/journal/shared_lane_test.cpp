// The lane that threads share, when there is no room: under Overflow::block they wait for it side
// by side, so that each call waits no longer than its own time.
#include <atomic>
#include <barrier>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

#include "journal/drops.hpp"
#include "journal/lane.hpp"
#include "journal/segment_pool.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"

using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t kSegment_bytes = 64u << 10;

// A pool without room for a segment, and the lane that shares it out.
struct SharedLane {
  test::TemporaryDirectory root;
  runlog::SegmentPool pool;
  runlog::SeriesTable series;
  runlog::ShownTally tally;
  runlog::LaneShared shared{.pool = pool, .series = series, .tally = tally};
  std::mutex mutex;
  runlog::Lane lane{0, shared, &mutex};

  SharedLane()
      : pool(runlog::JournalDir(root / "journal"),
             {.segment_bytes = kSegment_bytes, .disk_budget = 0}) {
    shared.overflow = runlog::Overflow::block;
    shared.overflow_block = 10min;
  }
  bool append(std::int64_t number) {
    const std::lock_guard lock(mutex);
    return lane.try_append_event({.kind = runlog::Kind::text, .int_value = number});
  }
};

}  // namespace

TEST_CASE("threads of the shared lane wait for room side by side") {
  constexpr int kThreads = 4;
  SharedLane here;
  std::barrier all_wait(kThreads);
  here.shared.wait_for_spare = [&](std::chrono::milliseconds) {
    all_wait.arrive_and_wait();  // for ever, if they came one after another
    here.shared.is_ending = true;
  };
  std::atomic<int> kept = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] { kept += here.append(i) ? 1 : 0; });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(kept == 0);
}

TEST_CASE("the segment that one of them gets is for all who wait") {
  constexpr int kThreads = 4;
  SharedLane here;
  runlog::SegmentPool roomy(runlog::JournalDir(here.root / "roomy"),
                            {.segment_bytes = kSegment_bytes, .disk_budget = 1u << 20});
  REQUIRE(runlog::JournalDir(here.root / "roomy").create());
  std::barrier all_wait(kThreads, [&]() noexcept {
    // One segment for four.
    auto segment = roomy.prepare();
    if (segment) here.pool.add(*segment);
  });
  here.shared.wait_for_spare = [&](std::chrono::milliseconds) { all_wait.arrive_and_wait(); };
  std::atomic<int> kept = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] { kept += here.append(i) ? 1 : 0; });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(kept == kThreads);
  CHECK(here.lane.records() == kThreads);
}
