// Interrupt: SIGINT and SIGTERM as a stop token. The first signal asks, so that a journal is left
// in order; a second one kills, which loses nothing either, because recovery may be repeated.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

namespace runlog::recover_tool {

/// One at a time per process: signal handlers are global. While it lives, SIGPIPE is ignored too,
/// because a closed stdout is no reason to leave records behind.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }
  [[nodiscard]] bool requested() const { return source_.stop_requested(); }

  /// Waits, at most `time`. True when it was interrupted.
  bool wait_for(std::chrono::milliseconds time);

 private:
  std::stop_source source_;
  std::mutex mutex_;
  std::condition_variable_any condition_;
  std::jthread listener_;
};

}  // namespace runlog::recover_tool
