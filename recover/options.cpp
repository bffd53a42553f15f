#include "options.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sstream>
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

// One URL or path per line; empty lines and those that begin with '#' are none. A file that another
// user could have written is not believed.
void add_stores(const std::string& path, std::vector<std::string>& stores) {
  constexpr std::size_t kBytes_max = 1 << 20;
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return;
  struct stat info {};
  const bool is_good = ::fstat(file, &info) == 0 && S_ISREG(info.st_mode) &&
                       (info.st_uid == ::geteuid() || info.st_uid == 0) &&
                       (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
  std::string text(is_good ? kBytes_max : 0, '\0');
  const ssize_t bytes = ::read(file, text.data(), text.size());
  ::close(file);
  if (!is_good) {
    tools::say("runlog-recover", path + ": not believed, as another user could have written it");
    return;
  }
  text.resize(bytes < 0 ? 0 : static_cast<std::size_t>(bytes));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string::npos || line[begin] == '#') continue;
    stores.push_back(line.substr(begin, line.find_last_not_of(" \t\r") + 1 - begin));
  }
}

// Where found journals may ship to: of RUNLOG_STORES, and of a file of this user's.
void take_stores(std::vector<std::string>& stores) {
  std::istringstream listed(tools::environment("RUNLOG_STORES"));
  for (std::string store; listed >> store;) stores.push_back(store);
  std::string directory = tools::environment("XDG_CONFIG_HOME");
  const std::string home = tools::environment("HOME");
  if (!directory.starts_with('/')) directory = home.starts_with('/') ? home + "/.config" : "";
  if (directory.empty()) return;
  add_stores(directory + "/runlog/stores", stores);
}

void take_environment(Command& command) {
  command.recover.torchelastic_error_file = tools::environment("TORCHELASTIC_ERROR_FILE");
  const std::string network_root = tools::environment("RUNLOG_NETWORK_ROOT");
  const std::string open_root = tools::environment("RUNLOG_OPEN_ROOT");
  for (const char* yes : {"1", "true", "on", "yes"}) {  // as start_logging reads them
    if (network_root == yes) command.recover.trusts_network_locks = true;
    if (open_root == yes) command.recover.any_owner = true;
  }
  take_stores(command.recover.trusted_stores);
}

void declare(tools::Arguments& arguments, Command& command) {
  arguments.footer(
      "Exit: 0 shipped, 1 ROOT unread, 2 usage, 3 damaged or dropped, 4 waiting, 130 interrupted.");
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
  arguments.flag("--any-owner", command.recover.any_owner,
                 "Also journals of other users, as who you are");
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
