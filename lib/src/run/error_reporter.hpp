// ErrorReporter: what goes wrong where no caller is told.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "runlog/result.hpp"

namespace runlog {

/// Passes background errors to the user's on_error, or to stderr, at most one a second each. Never
/// waits for whoever reads stderr; what could not be written is counted.
class ErrorReporter {
 public:
  explicit ErrorReporter(std::function<void(const Error&)> sink);
  void operator()(const Error& error) noexcept;
  [[nodiscard]] std::string last() const;
  /// Reports that were due and that nobody got: stderr was closed, full or gone, or on_error threw.
  [[nodiscard]] std::uint64_t unwritten() const noexcept {
    return unwritten_.load(std::memory_order_relaxed);
  }

 private:
  const std::function<void(const Error&)> sink_;
  // What the job opens later under the number 2 that it had closed is not ours to write to.
  const bool has_standard_error_;
  std::atomic<std::uint64_t> unwritten_ = 0;
  mutable std::mutex mutex_;
  std::string last_;                                    // guarded by mutex_
  std::chrono::steady_clock::time_point next_at_ = {};  // guarded by mutex_
};

}  // namespace runlog
