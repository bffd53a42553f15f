#include "run/error_reporter.hpp"

#include "platform/in_call.hpp"
#include "platform/standard_error.hpp"

namespace runlog {

ErrorReporter::ErrorReporter(std::function<void(const Error&)> sink)
    : sink_(std::move(sink)), has_standard_error_(has_standard_error()) {}

void ErrorReporter::operator()(const Error& error) noexcept {
  const InCall in_call;
  bool is_written = false;
  try {
    {
      const std::lock_guard lock(mutex_);
      const auto now = std::chrono::steady_clock::now();
      const bool is_due = now >= next_at_;
      if (is_due) next_at_ = now + std::chrono::seconds(1);
      last_ = error.message;
      if (!is_due) return;
    }
    if (sink_) {
      sink_(error);
      is_written = true;
    } else {
      is_written = has_standard_error_ && write_to_standard_error(error.message);
    }
  } catch (...) {
    // A sink that throws, or no memory for the text: the job goes on.
  }
  if (!is_written) unwritten_.fetch_add(1, std::memory_order_relaxed);
}

std::string ErrorReporter::last() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

}  // namespace runlog
