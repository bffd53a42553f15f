// runlog-recover: finishes the job of writers that are gone.
#include <algorithm>
#include <chrono>
#include <exception>
#include <string>

#include "cli/console.hpp"
#include "interrupt.hpp"
#include "options.hpp"
#include "report.hpp"

namespace runlog::recover_tool {
namespace {

using Clock = std::chrono::steady_clock;

// Once through every root. One root's trouble never keeps the others waiting.
void work_through(const Command& command, bool is_first, StoreMemory& memory, Report& report,
                  const Interrupt& interrupt) {
  const auto deadline = Clock::now() + command.recover.timeout;
  for (const std::string& root : command.roots) {
    if (interrupt.requested()) return;
    RecoverOptions options = command.recover;
    options.timeout =
        std::max(std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()),
                 std::chrono::milliseconds(0));
    options.retries = !command.watch;  // the next look is a retry
    options.memory = &memory;
    options.again = options.again && is_first;
    options.on_wait = [&](const std::string& message) {
      report.wipe_progress();
      if (!command.quiet) {
        tools::say("runlog-recover", message + "; trying again until it answers or --timeout ends");
      }
    };
    options.on_unread = [&](const Error& error) { report.add_failure(error.message, error); };
    options.on_progress = [&](const RecoverProgress& progress) { report.show_progress(progress); };
    const auto outcomes = recover(
        root, options,
        [&](const RecoverOutcome& outcome) {
          report.wipe_progress();
          report.add(outcome);
        },
        interrupt.token());
    report.wipe_progress();
    if (!outcomes) report.add_failure(root, outcomes.error());
  }
}

int run(const Command& command) {
  Interrupt interrupt;
  Report report(command);
  StoreMemory memory;
  work_through(command, true, memory, report, interrupt);
  while (command.watch && !interrupt.wait_for(command.interval)) {
    work_through(command, false, memory, report, interrupt);
  }
  if (!command.watch) report.show();
  if (interrupt.requested() && !command.watch) {
    if (!command.quiet) {
      tools::say("runlog-recover", "interrupted; what is left is on disk, run it again");
    }
    return tools::exit_interrupted;
  }
  return report.exit_code();
}

}  // namespace
}  // namespace runlog::recover_tool

int main(int argc, char** argv) {
  using namespace runlog::recover_tool;
  try {
    const Parsed parsed = parse_options(argc, argv);
    return parsed.command ? run(*parsed.command) : parsed.exit_code;
  } catch (const std::exception& error) {  // std::bad_alloc and friends
    runlog::tools::say("runlog-recover", std::string("cannot go on: ") + error.what() +
                                             "; nothing is lost, run it again");
    return runlog::tools::exit_failed;
  }
}
