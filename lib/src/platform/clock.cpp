#include "platform/clock.hpp"

#include <algorithm>
#include <ctime>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace runlog {
namespace {

__extension__ using Wide = __int128;  // 64 × 64 bits without loss

constexpr std::uint32_t kAnchor_back_ns = 1'000'000;

std::int64_t read_clock(clockid_t clock) noexcept {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

#if defined(__x86_64__)
// Invariant TSC: one rate, in all power states, in step on all cores.
bool tsc_is_invariant() noexcept {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(0x80000007, &eax, &ebx, &ecx, &edx) != 0 && (edx & (1u << 8)) != 0;
}
#else
bool tsc_is_invariant() noexcept {
  return false;
}
#endif

struct Sample {
  std::uint64_t tsc;
  std::int64_t ns;
};

// The clock read in the tightest of a few brackets: an interrupt in between would shift the anchor.
Sample sample(clockid_t clock) noexcept {
  Sample best{0, 0};
  std::uint64_t best_width = UINT64_MAX;
  for (int i = 0; i < 5; ++i) {
    const std::uint64_t before = read_tsc();
    const std::int64_t ns = read_clock(clock);
    const std::uint64_t after = read_tsc();
    if (after - before < best_width) {
      best_width = after - before;
      best = {before + (after - before) / 2, ns};
    }
  }
  return best;
}

}  // namespace

std::int64_t realtime_ns() noexcept {
  return read_clock(CLOCK_REALTIME);
}

Clock::Clock() noexcept : uses_tsc_(tsc_is_invariant()) {
  if (!uses_tsc_) return;
  // A first rate from 1 ms: good to about 50 ppm, which is 50 µs until the first calibrate().
  const Sample begin = sample(CLOCK_MONOTONIC);
  while (read_clock(CLOCK_MONOTONIC) - begin.ns < 1'000'000) {
  }
  first_tsc_ = begin.tsc;
  first_monotonic_ns_ = begin.ns;
  calibrate();
}

void Clock::calibrate() noexcept {
  if (!uses_tsc_) return;
  const Sample rate = sample(CLOCK_MONOTONIC);
  Sample anchor = sample(CLOCK_REALTIME);
  const std::uint64_t ticks = rate.tsc - first_tsc_;
  const std::int64_t ns = rate.ns - first_monotonic_ns_;
  if (ticks == 0 || ns <= 0) return;
  const auto per_tick =
      static_cast<std::uint64_t>((static_cast<Wide>(ns) << 32) / static_cast<Wide>(ticks));
  if (per_tick == 0) return;
  // A millisecond back, so that no core's counter, nor one read a little early, is before it.
  const std::uint64_t back = (std::uint64_t{kAnchor_back_ns} << 32) / per_tick;
  anchor.ns -= static_cast<std::int64_t>((static_cast<Wide>(back) * per_tick) >> 32);
  anchor.tsc -= back;
  const std::uint32_t version = version_.load(std::memory_order_relaxed);
  version_.store(version + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);  // pairs with the acquire fence in now_ns
  anchor_tsc_.store(anchor.tsc, std::memory_order_relaxed);
  anchor_ns_.store(anchor.ns, std::memory_order_relaxed);
  ns_per_tick_.store(per_tick, std::memory_order_relaxed);
  version_.store(version + 2, std::memory_order_release);
}

double Clock::ticks_per_second() const noexcept {
  const std::uint64_t per_tick = ns_per_tick_.load(std::memory_order_relaxed);
  return per_tick == 0 ? 0 : 1e9 * 4294967296.0 / static_cast<double>(per_tick);
}

}  // namespace runlog
