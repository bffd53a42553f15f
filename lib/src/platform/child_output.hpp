// child_output: runs a program and returns what it wrote to stdout. No shell is involved.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runlog/result.hpp"

namespace runlog {

struct ChildCommand {
  /// arguments[0] is the program: a path, or a name looked up in `search_path`.
  std::vector<std::string> arguments = {};
  std::vector<std::string> environment = {};  ///< "NAME=value" each, all there is
  std::string search_path = {};               ///< directories with ':' between them
  std::chrono::milliseconds timeout{60'000};
  std::size_t output_bytes_max = 64u << 10;
  /// Asked about ten times a second; true ends the program.
  std::function<bool()> is_cancelled = {};
};

/// Waits until the program has ended. It gets no standard input, our standard error (or none), no
/// other descriptor, default signal actions and a process group of its own, all of which is killed
/// at the timeout, so that nothing lives on. Errors: not_found (no such program), io (cannot be
/// started, ended with a failure), timeout, too_large, unavailable (cancelled). Messages name the
/// program only: arguments may be secrets, and so may output.
Result<std::string> output_of_child(const ChildCommand& command);

/// Splits a command line into words as a POSIX shell would, with '…', "…" and '\', and expands
/// nothing. Nothing when a quote is not closed.
std::optional<std::vector<std::string>> split_command_line(std::string_view line);

}  // namespace runlog
