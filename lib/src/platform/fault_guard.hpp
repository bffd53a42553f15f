// FaultGuard: the two things runlog does in signal handlers, and the only place that installs any.
//
// 1. SIGBUS inside a watched range: a segment's map whose file was truncated, whose disk failed, or
//    whose file system copies on write and has no room for the copy. The page is replaced by memory
//    with the same content, the owner's flag is raised, and the job goes on. What is written to
//    that page from then on survives only when the keeper packs it: at most the record whose store
//    raised the signal and the segment's end. This is the second net; preallocation is the first.
// 2. A fatal signal leaves a mark in the journal (signal, address, time), so that recovery can say
//    how the job ended.
//
// Every other signal, and every SIGBUS elsewhere, goes to whoever had the handler before, or to the
// default action. Handlers stay installed for the life of the process; with nothing watched and no
// marker they only pass on. The tables are global because signal handlers have no other memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "runlog/result.hpp"

namespace runlog {

/// Installs the SIGBUS handler once per process, chaining to the one there is.
void install_sigbus_guard() noexcept;

/// Installs the crash marker's handlers (SEGV, BUS, ABRT, FPE, ILL, SYS, and TERM, XCPU where their
/// action is the default) once per process.
void install_crash_marker() noexcept;

/// Holds the mutex of the two above across fork; see FileLock::make_fork_safe.
void make_fault_guard_fork_safe();

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

/// Registers one page of mapped file as a crash mark while it lives.
class CrashMarker {
 public:
  static constexpr std::size_t kMark_bytes = 4096;
  CrashMarker() noexcept = default;
  explicit CrashMarker(std::span<std::byte> memory) noexcept;
  ~CrashMarker();
  CrashMarker(CrashMarker&& other) noexcept;
  CrashMarker& operator=(CrashMarker&& other) noexcept;

 private:
  int slot_ = -1;
};

struct CrashMark {
  int signal = 0;
  int code = 0;
  std::uint64_t address = 0;
  std::int64_t time_ns = 0;
  std::int64_t sender_pid = 0;  ///< for a signal that was sent
};
/// "SIGSEGV at address 0x10", "SIGTERM sent by pid 17".
[[nodiscard]] std::string describe(const CrashMark& mark);
/// The mark in a journal's crash file, if a handler wrote one.
[[nodiscard]] std::optional<CrashMark> read_crash_mark(const std::filesystem::path& path);

}  // namespace runlog
