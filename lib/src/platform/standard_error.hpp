// standard_error: writes lines to stderr. Never waits for a reader, a terminal or a lock of stdio,
// and raises no signal.
#pragma once

#include <cstddef>
#include <string_view>

namespace runlog {

/// The longest line that is written whole; what is longer is cut at a character. A pipe takes it as
/// one piece.
inline constexpr std::size_t kReport_bytes_max = 4096;

/// Whether there is a standard error to write to. What has the number 2 in a process that was
/// started without one is some file of the job's.
bool has_standard_error() noexcept;

/// Writes "runlog: " and visible(message) as one line. False: it was not written: nobody reads, the
/// pipe or terminal is full, stopped or gone, or there is none. No memory is taken. Any thread.
bool write_to_standard_error(std::string_view message) noexcept;

}  // namespace runlog
