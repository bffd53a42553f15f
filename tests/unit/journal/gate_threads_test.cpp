// The gate between a writer and a keeper that takes its segment away.
#include "journal/gate.hpp"

#include <array>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "support/catch.hpp"

using runlog::Gate;

namespace {

// What a segment is to the gate: memory that one side writes until the other side owns it. Plain
// memory, so that the thread sanitizer sees a gate that lets both in.
struct Segment {
  Gate gate;
  std::array<std::uint32_t, 512> values = {};
  std::size_t used = 0;
};

struct Outcome {
  std::vector<std::uint32_t> taken;  // what the keeper found, in order
  std::size_t written_late = 0;      // segments that changed in the keeper's hands
  std::size_t segments = 0;
};

// A writer appends 0, 1, 2, … and takes a new segment when its own is closed or full; the keeper
// closes segments under it as fast as it can.
Outcome hammer(bool asymmetric, std::uint32_t appends) {
  std::vector<std::unique_ptr<Segment>> all;
  for (std::uint32_t i = 0; i < appends / 4 + 16; ++i) all.push_back(std::make_unique<Segment>());
  std::atomic<std::size_t> opened = 1;  // release: the segment may be closed by the keeper
  std::atomic<bool> is_over = false;

  std::thread writer([&] {
    std::size_t current = 0;
    for (std::uint32_t value = 0; value < appends;) {
      if (current + 1 == all.size()) break;
      Segment& segment = *all[current];
      if ((segment.gate.enter(asymmetric) & Gate::kClose) != 0) {
        segment.gate.leave();
        ++current;
        opened.store(current + 1, std::memory_order_release);
        continue;
      }
      if (segment.used == segment.values.size()) {
        segment.gate.request(Gate::kClose);
        segment.gate.leave();
        continue;
      }
      segment.values[segment.used] = value++;
      ++segment.used;
      segment.gate.leave();
    }
    is_over.store(true, std::memory_order_release);
  });

  Outcome outcome;
  std::vector<std::size_t> used_when_taken;
  const auto take = [&](Segment& segment) {
    segment.gate.request(Gate::kClose);
    runlog::membarrier_all();
    while (!segment.gate.is_idle()) std::this_thread::yield();
    outcome.taken.insert(outcome.taken.end(), segment.values.begin(),
                         segment.values.begin() + static_cast<std::ptrdiff_t>(segment.used));
    used_when_taken.push_back(segment.used);
    segment.values.fill(0xFFFFFFFF);  // the keeper's now: packed, zeroed, recycled
  };
  std::size_t next = 0;
  while (!is_over.load(std::memory_order_acquire)) {
    if (next >= opened.load(std::memory_order_acquire)) {
      std::this_thread::yield();
      continue;
    }
    take(*all[next++]);
    for (std::size_t spin = next % 64; spin > 0; --spin) (void)is_over.load();
  }
  writer.join();
  const std::size_t last = opened.load();
  while (next < last) take(*all[next++]);
  for (std::size_t i = 0; i < next; ++i) {
    const Segment& segment = *all[i];
    const bool is_untouched = segment.used == used_when_taken[i] &&
                              segment.values[0] == 0xFFFFFFFF &&
                              segment.values.back() == 0xFFFFFFFF;
    outcome.written_late += is_untouched ? 0 : 1;
  }
  outcome.segments = next;
  return outcome;
}

// Stores that miss every cache. What the same thread stores next waits behind them in its store
// buffer, much longer than a store does else, while its loads go ahead.
class SlowStores {
 public:
  void make() {
    constexpr std::size_t kStores = 8;  // far fewer than a store buffer has places
    constexpr std::size_t kStride = 8'191;
    for (std::size_t i = 0; i < kStores; ++i) {
      at_ = (at_ + kStride) % lines_.size();
      lines_[at_].word = static_cast<std::uint32_t>(at_);
    }
  }

 private:
  struct alignas(64) Line {
    volatile std::uint32_t word = 1;
  };
  std::vector<Line> lines_ = std::vector<Line>(std::size_t{1} << 20);  // 64 MiB
  std::size_t at_ = 0;
};

// One append and one close at the same time, so often; returns how often the keeper took a segment
// without the record that was appended to it.
int meet(int rounds) {
  SlowStores slow;
  std::vector<std::unique_ptr<Segment>> all;
  for (int i = 0; i < rounds; ++i) all.push_back(std::make_unique<Segment>());
  std::atomic<int> writer_at = -1, keeper_at = -1;
  // Both look for the other without a pause, and so leave at the same time, if there is a core for
  // each of them.
  const auto wait_for_other = [](std::atomic<int>& own, const std::atomic<int>& other, int round) {
    constexpr int kLooks = 500;
    own.store(round);
    for (int look = 1; other.load() < round; ++look) {
      if (look % kLooks == 0) std::this_thread::yield();
    }
  };
  std::thread writer([&] {
    for (int round = 0; round < rounds; ++round) {
      Segment& segment = *all[static_cast<std::size_t>(round)];
      wait_for_other(writer_at, keeper_at, round);
      slow.make();
      if (segment.gate.enter(true) == 0) ++segment.used;
      segment.gate.leave();
    }
  });
  std::vector<std::size_t> used_when_taken;
  for (int round = 0; round < rounds; ++round) {
    Segment& segment = *all[static_cast<std::size_t>(round)];
    wait_for_other(keeper_at, writer_at, round);
    for (int spin = round % 32; spin > 0; --spin) (void)writer_at.load();
    segment.gate.request(Gate::kClose);
    runlog::membarrier_all();
    while (!segment.gate.is_idle()) std::this_thread::yield();
    used_when_taken.push_back(segment.used);
  }
  writer.join();
  int missed = 0;
  for (std::size_t i = 0; i < all.size(); ++i) missed += all[i]->used != used_when_taken[i];
  return missed;
}

void check(const Outcome& outcome) {
  CHECK(outcome.written_late == 0);
  std::uint32_t expected = 0;
  for (const std::uint32_t value : outcome.taken) {
    if (value != expected++) FAIL("record " << expected - 1 << " is missing or twice");
  }
  CHECK(outcome.segments > 1);
}

}  // namespace

TEST_CASE("a segment closed under its writer loses no record and gets none after it was taken") {
  if (!runlog::membarrier_is_usable()) return;  // the next test is what runs here
  for (int round = 0; round < 5; ++round) {
    const Outcome outcome = hammer(true, 100'000);
    check(outcome);
  }
}

TEST_CASE("a close and an append at the same time see each other, however late stores arrive") {
  if (!runlog::membarrier_is_usable()) return;
  CHECK(meet(1'000) == 0);
}

TEST_CASE("the same without membarrier") {
  for (int round = 0; round < 5; ++round) check(hammer(false, 50'000));
}

TEST_CASE("a request waits for the writer's next append and is seen once") {
  Gate gate;
  CHECK(gate.enter(false) == 0);
  CHECK_FALSE(gate.is_idle());
  gate.request(Gate::kMove_on);
  gate.leave();
  CHECK(gate.is_idle());
  CHECK(gate.enter(false) == Gate::kMove_on);
  gate.done(Gate::kMove_on);
  gate.leave();
  CHECK(gate.enter(false) == 0);
  gate.leave();
  gate.request(Gate::kClose);
  CHECK(gate.is_closed());
  CHECK_FALSE(gate.is_broken());
  gate.done(Gate::kMove_on);
  CHECK(gate.enter(true) == Gate::kClose);  // a close stands
  gate.leave();
  CHECK(gate.is_idle());
}
