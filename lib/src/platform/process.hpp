// process: the identity, user and environment of this process, and the priorities of our threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace runlog {

/// A pid alone lies in containers and after reboots; with boot id and start time it does not.
struct ProcessIdentity {
  std::string host = {};
  std::string boot_id = {};
  std::int64_t pid = 0;
  std::int64_t start_ticks = 0;     ///< field 22 of /proc/self/stat
  std::int64_t pid_namespace = 0;   ///< inode of /proc/self/ns/pid: where the pid means something
  std::int64_t time_namespace = 0;  ///< inode of /proc/self/ns/time: where start_ticks does
  std::uint64_t stack = 0;          ///< field 28 of /proc/self/stat: another one after an exec
  std::string command_line =
      {};  ///< arguments joined by spaces, at most 4096 bytes, without secrets
};
[[nodiscard]] ProcessIdentity this_process();

/// What became of a process. gone: certainly; it ran on this kernel since it was booted, in this
/// pid namespace, and its pid is nobody's now, or another's, or another program runs in it. alive:
/// as certainly. Else nobody can tell.
enum class Life : std::uint8_t { alive, gone, unknown };
[[nodiscard]] Life life_of(const ProcessIdentity& other);

/// The threads of this process, if main()'s has ended; else 0.
[[nodiscard]] std::int64_t threads_without_main() noexcept;

/// Blocks every signal that is not a fault of the thread itself, in the calling thread.
void block_asynchronous_signals() noexcept;

[[nodiscard]] std::int64_t own_pid() noexcept;
/// The user's home directory by the user database; empty: it has none.
[[nodiscard]] std::filesystem::path home_of_user();
/// The effective user's number.
[[nodiscard]] std::uint32_t own_user() noexcept;
/// For messages: "alice (uid 1000)", or "uid 1000" where the user database has no name.
[[nodiscard]] std::string user_text(std::uint32_t user);

/// SCHED_BATCH and this nice value for the calling thread.
void lower_own_priority(int nice) noexcept;

/// The environment variable, if set and not empty.
[[nodiscard]] std::optional<std::string> environment(const char* name);

}  // namespace runlog
