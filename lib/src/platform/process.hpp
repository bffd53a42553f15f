// process: who this process is, for LOCK and meta.json, and how the keeper behaves as a thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace runlog {

/// A pid alone lies in containers and after reboots; with boot id and start time it does not.
struct ProcessIdentity {
  std::string host = {};
  std::string boot_id = {};
  std::int64_t pid = 0;
  std::int64_t start_ticks = 0;  ///< field 22 of /proc/self/stat
  std::string command_line =
      {};  ///< arguments joined by spaces, at most 4096 bytes, secrets included
};
[[nodiscard]] ProcessIdentity this_process();

/// Blocks every signal that is not a fault of the thread itself, in the calling thread.
void block_asynchronous_signals() noexcept;

/// SCHED_BATCH and this nice value for the calling thread.
void lower_own_priority(int nice) noexcept;

/// The environment variable, if set and not empty.
[[nodiscard]] std::optional<std::string> environment(const char* name);

}  // namespace runlog
