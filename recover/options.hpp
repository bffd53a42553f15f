// What the command line asked for.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/exit_codes.hpp"
#include "runlog/recover.hpp"

namespace runlog::recover_tool {

struct Command {
  std::vector<std::string> roots = {};
  RecoverOptions recover = {};
  bool json = false;
  bool watch = false;
  std::chrono::milliseconds interval = std::chrono::seconds(2);
  bool quiet = false;
  bool verbose = false;
  /// Set for a child of owners.hpp: only the journals of this user, as whom it works by now. It has
  /// the credentials of who started it, so what those journals say of their store is not believed.
  std::optional<std::uint32_t> owner = {};
};

/// The command, or the exit code when there is nothing to do: help and version have been printed,
/// or an error has been explained on stderr.
struct Parsed {
  std::optional<Command> command = {};
  int exit_code = tools::exit_whole;
};

Parsed parse_options(int argc, char** argv);

}  // namespace runlog::recover_tool
