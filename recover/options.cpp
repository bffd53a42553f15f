#include "options.hpp"

#include <string>

#include "cli/arguments.hpp"
#include "cli/console.hpp"

namespace runlog::recover_tool {
namespace {

constexpr double kSeconds_max = 1e9;  // some thirty years

tools::Argument add_seconds(tools::Arguments& arguments, const char* name, double least,
                            std::chrono::milliseconds& target, const char* help) {
  const auto take = [&target](double seconds) {
    target = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
  };
  return arguments.number(name, "SECONDS", take, help).in_range(least, kSeconds_max);
}

void take_environment(Command& command) {
  command.recover.torchelastic_error_file = tools::environment("TORCHELASTIC_ERROR_FILE");
  const std::string network_root = tools::environment("RUNLOG_NETWORK_ROOT");
  for (const char* yes : {"1", "true", "on", "yes"}) {  // as start_logging reads it
    if (network_root == yes) command.recover.trusts_network_locks = true;
  }
}

void declare(tools::Arguments& arguments, Command& command) {
  arguments.footer(
      "Exit: 0 all shipped whole, 1 a ROOT could not be read, 2 usage, 3 shipped but some\n"
      "records damaged or dropped, 4 something still waits, 130 interrupted.");
  arguments.positional("ROOT", command.roots, "Where runs are: what RUNLOG_ROOT was for the job")
      .required();
  arguments.flag("--dry-run", command.recover.dry_run, "Only say what there is to do");
  arguments.value("--store", "URL", command.recover.store, "Ship to this store, not the journal's");
  arguments.flag("--again", command.recover.again,
                 "Ship kept copies once more, as to a store that was emptied");
  arguments.flag("--accept-missing", command.recover.accepts_missing,
                 "Count as lost what the new or emptied store lacks and nobody has");
  arguments.list("--run", "GLOB", command.recover.runs,
                 "Only runs whose id matches; may be repeated");
  arguments.flag("--keep", command.recover.keep, "Leave the recovered segments in torn/");
  add_seconds(arguments, "--timeout", 0, command.recover.timeout,
              "For all shipping together; default 600");
  const auto watch =
      arguments.flag("--watch", command.watch, "Stay, and adopt journals as they die");
  add_seconds(arguments, "--interval", 0.05, command.interval, "Between two looks; default 2")
      .needs(watch);
  arguments.flag("--json", command.json, "One JSON object per journal and line on stdout");
  const auto quiet = arguments.flag("-q,--quiet", command.quiet, "Only say what went wrong");
  arguments
      .flag("-v,--verbose", command.verbose,
            "Also list live and finished journals, each damaged place")
      .excludes(quiet);
}

}  // namespace

Parsed parse_options(int argc, char** argv) {
  Command command;
  take_environment(command);
  tools::Program program(
      "runlog-recover",
      "Finish the job of writers that are gone: salvage, pack and ship their journals.");
  declare(program.arguments(), command);
  if (const auto exit_code = program.parse(argc, argv)) return {.exit_code = *exit_code};
  return {.command = std::move(command)};
}

}  // namespace runlog::recover_tool
