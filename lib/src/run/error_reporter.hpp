// ErrorReporter: reports the failures that no caller gets.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "runlog/result.hpp"

namespace runlog {

/// Passes background errors to the user's on_error, or to stderr, at most one a second. Never waits
/// for the reader of stderr; what could not be written is counted.
class ErrorReporter {
 public:
  explicit ErrorReporter(std::function<void(const Error&)> sink);
  void operator()(const Error& error) noexcept;
  [[nodiscard]] std::string last() const;
  /// Reports that were due but not delivered: stderr was closed, full or gone, or on_error threw.
  [[nodiscard]] std::uint64_t unwritten() const noexcept {
    return unwritten_.load(std::memory_order_relaxed);
  }

 private:
  const std::function<void(const Error&)> sink_;
  // False when the job had closed descriptor 2: a file that it opens there later is not stderr.
  const bool has_standard_error_;
  std::atomic<std::uint64_t> unwritten_ = 0;
  mutable std::mutex mutex_;
  std::string last_;                                    // guarded by mutex_
  std::chrono::steady_clock::time_point next_at_ = {};  // guarded by mutex_
};

}  // namespace runlog
