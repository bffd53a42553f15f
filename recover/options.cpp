#include "options.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "cli/console.hpp"
#include "cli/help_format.hpp"
#include "cli/text.hpp"
#include "runlog/version.hpp"

namespace runlog::recover_tool {
namespace {

constexpr double kSeconds_max = 1e9;  // some thirty years

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

CLI::Option* add_seconds(CLI::App& app, const char* name, double least,
                         std::chrono::milliseconds& target, const char* description) {
  return app
      .add_option_function<double>(
          name, [&target](double seconds) { target = milliseconds(seconds); }, description)
      ->type_name("SECONDS")
      ->check(CLI::Range(least, kSeconds_max).description(""));
}

}  // namespace

Parsed parse_options(int argc, char** argv) {
  Command command;
  command.recover.torchelastic_error_file = tools::environment("TORCHELASTIC_ERROR_FILE");
  const std::string network_root = tools::environment("RUNLOG_NETWORK_ROOT");
  for (const char* yes : {"1", "true", "on", "yes"}) {  // as start_logging reads it
    if (network_root == yes) command.recover.trusts_network_locks = true;
  }
  CLI::App app("Finish the job of writers that are gone: salvage, pack and ship their journals.");
  app.name("runlog-recover");
  app.set_help_flag("-h,--help", "Print this help");
  app.set_version_flag("-V,--version", std::string("runlog-recover ") + kVersion,
                       "Print the version");
  app.formatter(std::make_shared<tools::HelpFormat>());
  app.footer(
      "Exit: 0 all shipped whole, 1 a ROOT could not be read, 2 usage, 3 shipped but some\n"
      "records damaged or dropped, 4 something still waits, 130 interrupted.");
  app.add_option("ROOT", command.roots, "Where runs are: what RUNLOG_ROOT was for the job")
      ->type_name("")
      ->required();
  app.add_flag("--dry-run", command.recover.dry_run, "Only say what there is to do");
  app.add_option("--store", command.recover.store, "Ship to this store, not the journal's")
      ->type_name("URL");
  app.add_flag("--again", command.recover.again,
               "Ship kept copies once more, as to a store that was emptied");
  app.add_flag("--accept-missing", command.recover.accepts_missing,
               "Count as lost what the new or emptied store lacks and nobody has");
  app.add_option("--run", command.recover.runs, "Only runs whose id matches; may be repeated")
      ->type_name("GLOB")
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_flag("--keep", command.recover.keep, "Leave the recovered segments in torn/");
  add_seconds(app, "--timeout", 0, command.recover.timeout,
              "For all shipping together; default 600");
  auto* watch = app.add_flag("--watch", command.watch, "Stay, and adopt journals as they die");
  add_seconds(app, "--interval", 0.05, command.interval, "Between two looks; default 2")
      ->needs(watch);
  app.add_flag("--json", command.json, "One JSON object per journal and line on stdout");
  auto* quiet = app.add_flag("-q,--quiet", command.quiet, "Only say what went wrong");
  app.add_flag("-v,--verbose", command.verbose,
               "Also list live and finished journals, each damaged place")
      ->excludes(quiet);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // help or version
    return {.command = {}, .exit_code = app.exit(success)};
  } catch (const CLI::ParseError& error) {
    std::string words = "runlog-recover: ";
    tools::append_visible(words, error.what());
    words += "; see `runlog-recover --help`\n";
    std::fputs(words.c_str(), stderr);
    return {.command = {}, .exit_code = exit_usage};
  }
  return {.command = std::move(command), .exit_code = exit_whole};
}

}  // namespace runlog::recover_tool
