// Crash points: places between two steps that must survive being the last one. In builds with
// RUNLOG_CRASH_POINTS (the Debug presets), a process with RUNLOG_CRASH_AT=<name> kills itself with
// SIGKILL there, with RUNLOG_CRASH_AT=<name>:<n> the nth time that it comes by; elsewhere they
// compile to nothing.
#pragma once

#if defined(RUNLOG_CRASH_POINTS)
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string_view>

namespace runlog {
inline void crash_point(std::string_view name) noexcept {
  // Looked up once: some points are passed with every record. No test changes its environment.
  static const std::string_view at = [] {
    const char* const value = std::getenv("RUNLOG_CRASH_AT");  // NOLINT(concurrency-mt-unsafe)
    return value != nullptr ? std::string_view(value) : std::string_view{};
  }();
  if (at.empty()) return;
  const std::size_t colon = at.find(':');
  if (at.substr(0, colon) != name) return;
  static std::atomic<long> left =
      colon == std::string_view::npos ? 1 : std::atol(at.data() + colon + 1);
  if (left.fetch_sub(1, std::memory_order_relaxed) == 1) ::kill(::getpid(), SIGKILL);
}
}  // namespace runlog
#else
namespace runlog {
inline void crash_point(const char*) noexcept {}
}  // namespace runlog
#endif
