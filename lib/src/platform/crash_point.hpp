// Crash points: named places at which a test can kill the process. In builds with
// RUNLOG_CRASH_POINTS (the Debug presets), a process with RUNLOG_CRASH_AT=<name> kills itself with
// SIGKILL there, with RUNLOG_CRASH_AT=<name>:<n> the nth time; with RUNLOG_HANG_AT the thread that
// reaches the point stays there, with RUNLOG_STOP_AT the process stops, until SIGCONT. In other
// builds they compile to nothing.
#pragma once

#if defined(RUNLOG_CRASH_POINTS)
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string_view>

namespace runlog {

class CrashTrap {
 public:
  // No test changes its environment.
  explicit CrashTrap(const char* variable) noexcept {
    const char* const value = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe)
    if (value == nullptr) return;
    const std::string_view at = value;
    const std::size_t colon = at.find(':');
    name_ = at.substr(0, colon);
    if (colon != std::string_view::npos) left_ = std::atol(at.data() + colon + 1);
  }
  bool catches(std::string_view name) noexcept {
    return !name_.empty() && name == name_ && left_.fetch_sub(1, std::memory_order_relaxed) == 1;
  }

 private:
  std::string_view name_;
  std::atomic<long> left_ = 1;
};

// Looked up once, when the library is loaded: some points are passed with every record, and none
// may wait for a guard that a thread of the parent held at a fork. Before that they catch nothing.
inline CrashTrap crash_trap("RUNLOG_CRASH_AT");
inline CrashTrap hang_trap("RUNLOG_HANG_AT");
inline CrashTrap stop_trap("RUNLOG_STOP_AT");

inline void crash_point(std::string_view name) noexcept {
  if (crash_trap.catches(name)) ::kill(::getpid(), SIGKILL);
  if (hang_trap.catches(name)) {
    for (;;) ::pause();
  }
  // To this thread, so that it does not go on before the others have stopped.
  if (stop_trap.catches(name)) ::syscall(SYS_tgkill, ::getpid(), ::gettid(), SIGSTOP);
}

}  // namespace runlog
#else
namespace runlog {
inline void crash_point(const char*) noexcept {}
}  // namespace runlog
#endif
