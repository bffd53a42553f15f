// Turns: who does the keeper's work, one at a time. A mutex with a deadline and an order, made of a
// mutex and a condition (the thread sanitizer does not know std::timed_mutex's clock).
//
// Callers, who wait for what is done, come first. A helper works in the place of the keeper's
// thread for a while, which sleeps meanwhile: preempted during its work, it would delay both. Who
// works gives the work up when a caller asks for the Turn, and leaves it unfinished.
//
// A function that takes a Turn& may only be called by who has it: what it works on is guarded so.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace runlog {

class Turns {
 public:
  using Clock = std::chrono::steady_clock;

  /// Everybody who works from now on gives up at once: the run has ended, and recovery does the
  /// rest. Any thread.
  void stop_work() noexcept { is_stopped_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool is_stopped() const noexcept {
    return is_stopped_.load(std::memory_order_relaxed);
  }

  struct Help {
    bool is_on = false;      ///< the helper is to work in the place of the keeper's thread
    bool is_wanted = false;  ///< that thread has asked for its Turn since the helper came last
  };
  /// The helper looks in: whether it is to help. `is_behind`: yes, for a while from now on.
  Help look_in(bool is_behind) noexcept;
  /// No help any more: the keeper's thread is to come to its end.
  void end_help() noexcept;

 private:
  friend class Turn;

  std::atomic<bool> is_stopped_ = false;
  /// Callers and helpers who want the Turn; changed under mutex_, read without it by who works.
  std::atomic<int> waiting_ = 0;
  /// Guarded by the Turn: for a caller, and nobody has come to the end of a round since.
  bool has_given_up_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;      // with mutex_
  bool is_taken_ = false;                // guarded by mutex_, as all below: somebody has the Turn
  bool is_helped_ = false;               // the helper works in the place of the keeper's thread
  Clock::time_point helped_until_ = {};  // while it is not behind again
  bool keeper_waits_ = false;            // has asked for its Turn, since the helper came last
  bool is_help_over_ = false;
};

/// The right to work on what the keeper owns, while it lives.
class Turn {
 public:
  enum class Worker : std::uint8_t {
    keeper,  ///< the keeper's thread, which comes after all others
    helper,  ///< another thread of ours that works in its place
    caller,  ///< waits for what is done
  };
  using Clock = Turns::Clock;

  /// Waits for the Turn until `deadline`: false then. Others than the keeper's thread work until
  /// `work_deadline`, and give up then, whatever is left to do.
  Turn(Turns& turns, Worker worker, Clock::time_point deadline,
       Clock::time_point work_deadline = Clock::time_point::max());
  ~Turn();
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  explicit operator bool() const noexcept { return has_it_; }

  /// Whether to leave the work unfinished from now on. Asked every few milliseconds of work.
  [[nodiscard]] bool gives_up() noexcept;
  /// What it said last.
  [[nodiscard]] bool has_given_up() const noexcept { return has_given_up_; }
  /// A round came to its end: the next one may be given up for a caller again.
  void complete_round() noexcept { turns_.has_given_up_ = false; }

 private:
  Turns& turns_;
  const Worker worker_;
  const Clock::time_point work_deadline_;
  bool has_it_ = false;
  bool has_given_up_ = false;
};

}  // namespace runlog
