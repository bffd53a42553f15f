// A run whose end comes while all cores are busy: busy_end ROOT RECORDS SPINNERS [until-packed].
// The keeper, which has the lowest priority, is in the middle of packing then. With until-packed
// packs are small, and the end comes when there is one. Says "calls N dropped N" at its end.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "runlog/runlog.hpp"

int main(int argc, char** argv) {
  using namespace std::chrono_literals;
  if (argc < 4) return 2;
  const bool is_until_packed = argc > 4;
  auto started = runlog::start_logging({.root = argv[1],
                                        .sync_interval = 50ms,
                                        .ship_interval = 100ms,
                                        .pack_bytes = is_until_packed ? 64u << 10 : 1u << 30,
                                        .segment_bytes = is_until_packed ? 64u << 10 : 4u << 20,
                                        .disk_budget = 2u << 30,
                                        .finish_deadline = 60s});
  if (!started) return 3;
  auto run = std::move(started).value();
  std::atomic<bool> is_over = false;
  std::vector<std::thread> spinners;
  for (int i = 0; i < std::atoi(argv[3]); ++i) {
    spinners.emplace_back([&] {
      while (!is_over.load(std::memory_order_relaxed)) {
      }
    });
  }
  auto loss = run.metric("train/loss");
  long calls = 0;
  for (; calls < std::atol(argv[2]); ++calls) loss.log(static_cast<double>(calls) * 0.37, calls);
  if (is_until_packed) {
    const auto limit = std::chrono::steady_clock::now() + 60s;
    while (run.stats().packs_made == 0) {
      if (std::chrono::steady_clock::now() > limit) return 4;
      std::this_thread::yield();
    }
  }
  // A round of the keeper that packs has begun.
  run.flush();
  const auto limit = std::chrono::steady_clock::now() + 1s;
  while (std::chrono::steady_clock::now() < limit) std::this_thread::yield();
  run.complete();
  is_over = true;
  for (auto& spinner : spinners) spinner.join();
  std::printf("calls %ld dropped %llu\n", calls,
              static_cast<unsigned long long>(run.stats().dropped));
  return 0;
}
