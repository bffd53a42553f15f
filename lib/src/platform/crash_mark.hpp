// CrashMark: what a dying process leaves in its journals' crash files, so that recovery can say how
// it ended: the signal that kills it, with sender or address, thread, time and backtrace; the
// exception that nobody caught, or that was being handled when it aborted; quick_exit; and whether
// exit() had been called before. platform/crash_report reads it.
//
// A mark belongs to its process: a child has none of its parent's. It is made before the signal has
// its effect. If the host has a handler, which may survive the signal, the mark is provisional: it
// is withdrawn when the handler returns, when the thread logs again (it has left the handler by a
// jump), or when the process still lives after a minute.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "platform/crash_layout.hpp"

namespace runlog {

/// Has the ends of this process marked in all CrashMarkers; again after fork, or when the host has
/// set signals back. See platform/signals for which signals, and when.
void install_crash_marker() noexcept;

/// Registers the map of a crash file while it lives, for the process that made it. Any number.
class CrashMarker {
 public:
  static constexpr std::size_t kMark_bytes = crash::kFile_bytes;
  CrashMarker() noexcept = default;
  explicit CrashMarker(std::span<std::byte> memory) noexcept;
  ~CrashMarker();
  CrashMarker(CrashMarker&& other) noexcept;
  CrashMarker& operator=(CrashMarker&& other) noexcept;

  struct Slot;

 private:
  Slot* slot_ = nullptr;
};

/// What a thread keeps at hand for its next log call: zeros send it through the slow way, where it
/// calls settle_own_mark().
struct ThreadPlace {
  std::uint64_t id = 0;
  void* lane = nullptr;
};
/// `exchange` sets the calling thread's place and returns what was there. Async-signal-safe.
void set_thread_place(ThreadPlace (*exchange)(ThreadPlace next) noexcept) noexcept;

/// This thread is not in a handler: a provisional mark that it made is withdrawn. One load without.
void settle_own_mark() noexcept;

/// Provisional marks that are older than a minute are withdrawn. Cheap; for whoever comes by.
void settle_old_marks() noexcept;

}  // namespace runlog
