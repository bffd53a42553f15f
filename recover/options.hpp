// What the command line asked for. Parsing is in options.cpp, the only file that knows CLI11.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "runlog/recover.hpp"

namespace runlog::recover_tool {

/// Exit codes; the lowest line that applies wins.
enum Exit : int {
  exit_whole = 0,         // everything is in its store
  exit_damaged = 3,       // so it is, but some records were damaged or had been dropped
  exit_failed = 1,        // a root could not be read
  exit_waiting = 4,       // some records are on this machine only
  exit_interrupted = 130  // SIGINT or SIGTERM; not with --watch, where they are the normal end
};
inline constexpr int exit_usage = 2;

struct Command {
  std::vector<std::string> roots = {};
  RecoverOptions recover = {};
  bool json = false;
  bool watch = false;
  std::chrono::milliseconds interval = std::chrono::seconds(2);
  bool quiet = false;
  bool verbose = false;
};

/// The command, or the exit code when there is nothing to do: help and version have been printed,
/// or an error has been explained on stderr.
struct Parsed {
  std::optional<Command> command = {};
  int exit_code = exit_whole;
};

Parsed parse_options(int argc, char** argv);

}  // namespace runlog::recover_tool
