// Patience: when a store that is being read is taken to be gone. Each request may take half a
// minute, because the store itself retries, and there may be thousands; so the rest is not asked
// for after some in a row without an answer. An answer about one object (it is not there, or not
// whole) is an answer.
#pragma once

namespace runlog {

class Patience {
 public:
  static constexpr int kFailures_max = 3;  ///< in a row

  void note_answer() noexcept { failures_ = 0; }
  void note_failure() noexcept { ++failures_; }
  [[nodiscard]] bool is_over() const noexcept { return failures_ >= kFailures_max; }

 private:
  int failures_ = 0;
};

}  // namespace runlog
