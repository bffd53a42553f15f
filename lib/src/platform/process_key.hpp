// process_key: whether this is still the same process, or a child of it. The pid is not enough: in
// a pid namespace of its own a child may have its parent's pid (both may be 1 in their containers).
#pragma once

#include <cstdint>

namespace runlog {

/// A number that no ancestor of this process has, nor a child, however it was made, nor one of
/// vfork(), which shares all memory; never 0. Async-signal-safe once it has been called in the
/// process or an ancestor. One system call.
[[nodiscard]] std::uint64_t process_key() noexcept;

/// The same without a system call, but that a child of vfork() has its parent's.
[[nodiscard]] std::uint32_t process_generation() noexcept;

/// Whether this process was made by a fork of any kind since the program began.
[[nodiscard]] inline bool is_child() noexcept {
  return process_generation() > 1;
}

/// The pid that was in the key.
[[nodiscard]] constexpr std::int64_t pid_of_key(std::uint64_t key) noexcept {
  return static_cast<std::int64_t>(key & 0xffffffffu);
}

}  // namespace runlog
