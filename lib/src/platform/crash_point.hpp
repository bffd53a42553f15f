// Crash points: places between two steps that must survive being the last one. In builds with
// RUNLOG_CRASH_POINTS (the Debug presets), a process with RUNLOG_CRASH_AT=<name> kills itself with
// SIGKILL there; elsewhere they compile to nothing.
#pragma once

#if defined(RUNLOG_CRASH_POINTS)
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace runlog {
inline void crash_point(const char* name) noexcept {
  const char* const wanted = std::getenv("RUNLOG_CRASH_AT");
  if (wanted != nullptr && std::strcmp(wanted, name) == 0) ::kill(::getpid(), SIGKILL);
}
}  // namespace runlog
#else
namespace runlog {
inline void crash_point(const char*) noexcept {}
}  // namespace runlog
#endif
