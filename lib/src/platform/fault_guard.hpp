// FaultGuard: a SIGBUS inside a watched range does not end the job. The range is a segment's map
// whose file was truncated, whose disk failed, or whose file system copies on write and has no room
// for the copy. The page is replaced by memory with the same content, the owner's flag is raised,
// and the job goes on. What is written to that page from then on survives only when the keeper
// packs it: at most the record whose store raised the signal and the segment's end. Preallocation
// makes this rare. platform/signals passes a SIGBUS elsewhere on.
//
// A forked child does not have the range (MappedFile), so that it cannot write where its parent
// does. When a signal handler forks during an append and returns into it in the child, the append
// raises SIGSEGV there; memory of the child's own replaces the page in the same way.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

namespace runlog {

/// Installs the SIGBUS handler once per process, chaining to the one there is.
void install_sigbus_guard() noexcept;

/// Watches a range while it lives. Without a free slot (4096) the range is simply not watched.
class WatchedRange {
 public:
  WatchedRange() noexcept = default;
  /// On a fault in `memory`, `bits` are set in `*flags`.
  WatchedRange(std::span<std::byte> memory, std::atomic<std::uint32_t>* flags,
               std::uint32_t bits) noexcept;
  ~WatchedRange();
  WatchedRange(WatchedRange&& other) noexcept;
  WatchedRange& operator=(WatchedRange&& other) noexcept;

 private:
  int slot_ = -1;
};

/// How often a SIGBUS was caught in this process.
[[nodiscard]] std::uint64_t sigbus_caught() noexcept;

}  // namespace runlog
