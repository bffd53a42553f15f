// Crash: what a process that died left in its journal: signal, sender, thread, exception,
// backtrace.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "runlog/export.hpp"

namespace runlog {

struct CrashFrame {
  std::uint64_t address = 0;  ///< of the code; in a caller, of the instruction after the call
  std::string module = {};    ///< path of the file it was loaded from; empty: unknown
  std::uint64_t offset = 0;   ///< in that file's own addresses; `address` if the file is unknown
  std::string build_id = {};  ///< hex; empty: it has none
};

struct CrashReport {
  /// One line, the same as JournalInfo::end_reason: "SIGSEGV at address 0x10 in thread 18
  /// (loader)", "SIGTERM sent by pid 17 (slurmstepd), uid 0", "SIGABRT: std::runtime_error: no
  /// memory", "SIGABRT while std::runtime_error was handled: no memory", "SIGSEGV at address 0x0
  /// after exit(0)".
  std::string reason = {};
  int signal = 0;                               ///< 0: it was no signal
  int code = 0;                                 ///< si_code
  std::uint64_t address = 0;                    ///< of a fault
  std::int64_t time_ns = 0;                     ///< nanoseconds since 1970 in UTC; 0: unknown
  std::int64_t sender_pid = 0, sender_uid = 0;  ///< 0, 0: the kernel, or unknown
  std::string sender_name = {};                 ///< its command
  std::int64_t pid = 0, thread = 0;             ///< equal: the main thread
  std::string thread_name = {};
  /// Of the exception that nobody caught, or that was being handled when the process aborted.
  std::string exception_type = {}, exception_text = {};
  std::optional<int> exit_status = {};  ///< set if exit() had been called before: its argument
  std::string stop_request = {};  ///< the stop signal that came before: "SIGTERM sent by pid 17"
  std::vector<CrashFrame> frames = {};  ///< the first is where it happened
};

/// What the journal in this directory says of its process's death. Empty when the process lives,
/// ended in order, or left no trace: after SIGKILL, the kernel's OOM killer, _exit, power loss, and
/// rarer ends (docs/operations.md). Do not trust the contents: texts are valid UTF-8, but nothing
/// else is checked.
RUNLOG_EXPORT std::optional<CrashReport> read_crash(const std::filesystem::path& journal);

}  // namespace runlog
