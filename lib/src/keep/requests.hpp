// Requests: who waits for what of the keeper (packs, flushes, the end), and when it has its next
// round though nobody asks. A request is a number: those up to the one that is done are. Knows
// nothing of the work. Any thread may call all of it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>

#include "journal/meta.hpp"
#include "runlog/stats.hpp"

namespace runlog {

class Requests {
 public:
  using Clock = std::chrono::steady_clock;

  /// Returns its number, for wait_for_pack().
  [[nodiscard]] std::uint64_t ask_for_pack();
  void ask_for_flush();
  void ask_for_end(End end);

  /// What is asked for and not settled yet.
  struct Asked {
    std::uint64_t packs = 0, flushes = 0;  ///< up to these
    bool wants_packs = false, wants_flush = false;
    std::optional<End> end = {};

    [[nodiscard]] bool is_any() const noexcept {
      return wants_packs || wants_flush || end.has_value();
    }
  };
  [[nodiscard]] Asked asked() const;
  /// The packs that were asked for are made, or failed; flushes may have to be done again.
  void settle(const Asked& asked, bool is_packed, bool is_flushed);
  /// Nothing is left, and end.json is written.
  void settle_end();
  [[nodiscard]] bool is_end_settled() const;

  /// Failed: the pack has, or the keeper's thread has ended.
  [[nodiscard]] Wait wait_for_pack(std::uint64_t request, Clock::time_point deadline);

  [[nodiscard]] Clock::time_point due() const;
  void set_due(Clock::time_point due);

  /// The keeper's thread has.
  void note_ended();
  [[nodiscard]] bool has_ended_within(Clock::duration patience);

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;  // with mutex_
  // Guarded by mutex_, all below.
  Clock::time_point due_ = {};
  std::uint64_t packs_requested_ = 0;
  std::uint64_t packs_done_ = 0;
  std::uint64_t packs_failed_ = 0;
  std::uint64_t flushes_requested_ = 0;
  std::uint64_t flushes_done_ = 0;
  std::optional<End> end_ = {};
  bool is_end_settled_ = false;
  bool has_ended_ = false;
};

}  // namespace runlog
