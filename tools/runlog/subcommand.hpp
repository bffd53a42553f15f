// Subcommand: one file holds all of a subcommand: what it takes, its help, and what it does. At its
// end it says
//   const Subcommand kCat(10, "cat", "Print records, merged by time", declare, run);
// and is part of the program. Nothing else names it but the man page and its test.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "cli/arguments.hpp"
#include "cli/exit_codes.hpp"
#include "output.hpp"

namespace runlog::tools {

class Subcommand {
 public:
  /// Does the work: data to `out`, words to stderr. Returns the exit code.
  using Work = std::function<int(Output& out)>;

  /// `place`: --help shows subcommands in ascending order. `declare` says which arguments fill an
  /// `Options`; `run` gets it filled.
  template <typename Options>
  Subcommand(int place, const char* name, const char* summary,
             void (*declare)(Arguments&, Options&), int (*run)(const Options&, Output&))
      : Subcommand(place, name, summary, [declare, run](Arguments& arguments) -> Work {
          auto options = std::make_shared<Options>();
          declare(arguments, *options);
          return [options, run](Output& out) { return run(*options, out); };
        }) {}

  ~Subcommand() = default;
  Subcommand(const Subcommand&) = delete;
  Subcommand& operator=(const Subcommand&) = delete;

  [[nodiscard]] int place() const { return place_; }
  [[nodiscard]] const char* name() const { return name_; }
  [[nodiscard]] const char* summary() const { return summary_; }

  /// Declares its arguments. The work is for after Program::parse, which fills them.
  [[nodiscard]] Work prepare(Arguments& arguments) const { return declare_(arguments); }

 private:
  using Declare = std::function<Work(Arguments&)>;
  Subcommand(int place, const char* name, const char* summary, Declare declare);

  int place_;
  const char* name_;
  const char* summary_;
  Declare declare_;
};

/// All there are, in the order of --help. For main().
std::vector<const Subcommand*> all_subcommands();

}  // namespace runlog::tools
