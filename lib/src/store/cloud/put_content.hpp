// The digests of a file that is to be put: one pass, then remembered, because a store that is down
// is asked about the same pack many times. Those of the file after it are made meanwhile, on a
// thread of their own: digests and the network take about as long as each other, and would add up.
#pragma once

#include <atomic>
#include <filesystem>
#include <optional>
#include <thread>

#include "platform/file_system.hpp"
#include "runlog/result.hpp"
#include "store/cloud/dialect.hpp"

namespace runlog {

/// One thread's, but for stop().
class PutDigests {
 public:
  PutDigests() = default;
  ~PutDigests();
  PutDigests(const PutDigests&) = delete;
  PutDigests& operator=(const PutDigests&) = delete;

  /// Reads `file` unless it was the last one asked for, or begun, and has not changed since.
  /// Errors: io, not_found, unavailable (stopped).
  [[nodiscard]] Result<PutContent> of(const std::filesystem::path& file, bool with_crc32c);

  /// Begins with a file that will be asked for soon. At most one at a time: another one is waited
  /// for first, and the same one, unchanged, is not read again. Without a thread to be had, nothing
  /// happens.
  void begin(const std::filesystem::path& file, bool with_crc32c) noexcept;

  /// Ends what is under way, and all later passes, at the next piece. Any thread.
  void stop() noexcept { is_stopped_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool is_stopped() const noexcept {
    return is_stopped_.load(std::memory_order_relaxed);
  }

 private:
  struct Digested {
    PutContent content;
    FileStat stat;
  };
  [[nodiscard]] Result<Digested> read(const std::filesystem::path& file, bool with_crc32c) const;
  [[nodiscard]] bool is_of(const Digested& digested, const std::filesystem::path& file) const;
  void take_begun();

  std::optional<Digested> last_;
  std::optional<Digested> begun_;  // the thread's while it runs
  std::thread thread_;
  std::atomic<bool> is_stopped_ = false;
};

}  // namespace runlog
