// Completion: a bash script that completes a program's command line. Knows nothing of parsing.
#pragma once

#include <string>
#include <vector>

namespace runlog::tools {

/// An option and what may follow it.
struct CompletedOption {
  enum class Value { none, anything, file, words };

  std::vector<std::string> names = {};  // "-n", "--lines"
  Value value = Value::none;
  std::vector<std::string> words = {};  // for Value::words; several may be joined by commas
};

struct CompletedCommand {
  std::string name = {};
  std::vector<CompletedOption> options = {};
};

struct CompletedProgram {
  CompletedCommand own = {};                       // its name and its own options
  std::vector<CompletedCommand> subcommands = {};  // empty: it has none
};

/// Defines a function and hands it to `complete`. Short options are not offered, but what follows
/// them is.
std::string bash_completion(const CompletedProgram& program);

}  // namespace runlog::tools
