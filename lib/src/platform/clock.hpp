// Clock: the time of day in nanoseconds, from the time-stamp counter where that is reliable (about
// 10 ns a call), else from clock_gettime (about 25 ns).
//
// Calibration: time = anchor_ns + (tsc − anchor_tsc) × ns_per_tick, ns_per_tick as 32.32 fixed
// point. The keeper re-anchors it to CLOCK_REALTIME about once a second, so it follows NTP; between
// two anchors the error is the drift of that second. Stamps may step back by that error: readers
// and the format allow it.
#pragma once

#include <atomic>
#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace runlog {

/// CLOCK_REALTIME.
[[nodiscard]] std::int64_t realtime_ns() noexcept;

/// The time-stamp counter; 0 where there is none.
[[nodiscard]] inline std::uint64_t read_tsc() noexcept {
#if defined(__x86_64__)
  return __rdtsc();
#else
  return 0;
#endif
}

class Clock {
 public:
  Clock() noexcept;

  /// Nanoseconds since 1970-01-01T00:00Z. Any thread.
  [[nodiscard]] std::int64_t now_ns() const noexcept;
  /// The same without a call. False: only a call would tell. There is no TSC, or it went back, or
  /// calibrate() is at work.
  [[nodiscard]] bool try_now_ns(std::int64_t& now) const noexcept;

  /// Re-anchors. One thread at a time.
  void calibrate() noexcept;

  [[nodiscard]] bool uses_tsc() const noexcept { return uses_tsc_; }
  /// Of the current calibration; 0 without TSC.
  [[nodiscard]] double ticks_per_second() const noexcept;

 private:
  // A seqlock: odd while calibrate() writes. Readers retry; calibrate() runs once a second.
  std::atomic<std::uint32_t> version_ = 0;
  std::atomic<std::uint64_t> anchor_tsc_ = 0;
  std::atomic<std::int64_t> anchor_ns_ = 0;
  std::atomic<std::uint64_t> ns_per_tick_ = 0;  // 32.32
  std::uint64_t first_tsc_ = 0;                 // calibrate() only
  std::int64_t first_monotonic_ns_ = 0;         // calibrate() only
  bool uses_tsc_ = false;
};

inline std::int64_t Clock::now_ns() const noexcept {
  std::int64_t now = 0;
  return try_now_ns(now) ? now : realtime_ns();
}

[[gnu::always_inline]] inline bool Clock::try_now_ns(std::int64_t& now) const noexcept {
  __extension__ using Wide = unsigned __int128;  // 64 × 64 bits without loss
  if (!uses_tsc_) [[unlikely]]
    return false;
  const std::uint32_t version = version_.load(std::memory_order_acquire);
  const std::uint64_t anchor_tsc = anchor_tsc_.load(std::memory_order_relaxed);
  const std::int64_t anchor_ns = anchor_ns_.load(std::memory_order_relaxed);
  const std::uint64_t per_tick = ns_per_tick_.load(std::memory_order_relaxed);
  const std::uint64_t tsc = read_tsc();
  std::atomic_thread_fence(std::memory_order_acquire);
  if ((version & 1) != 0 || version != version_.load(std::memory_order_relaxed)) [[unlikely]] {
    // The keeper writes at the lowest priority and may be descheduled in between: do not wait for
    // it.
    return false;
  }
  // The anchor lies in the past, see calibrate(): not negative, unless the machine was moved.
  const std::uint64_t ticks = tsc - anchor_tsc;
  if (static_cast<std::int64_t>(ticks) < 0) [[unlikely]]
    return false;
  now = anchor_ns +
        static_cast<std::int64_t>((static_cast<Wide>(ticks) * static_cast<Wide>(per_tick)) >> 32);
  return true;
}

}  // namespace runlog
