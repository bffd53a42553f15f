// runlog-recover: finishes the job of writers that are gone.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <set>
#include <string>

#include "cli/console.hpp"
#include "interrupt.hpp"
#include "options.hpp"
#include "owners.hpp"
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

// Whether the journals of others are recovered as them.
bool acts_for_others(const Command& command) {
  return ::geteuid() == 0 && !command.recover.any_owner && !command.owner;
}

void keep_children(OwnerChildren& children, const std::set<std::uint32_t>& owners) {
  for (const std::uint32_t owner : owners) {
    if (children.keep(owner)) continue;
    tools::say("runlog-recover", "no process could be started for the journals of uid " +
                                     std::to_string(owner) + "; it is tried again");
  }
}

// One after the other; the worst of their exit codes.
int run_children(const Command& command, const OwnerChildren& children,
                 const std::set<std::uint32_t>& owners, Clock::time_point deadline,
                 const Interrupt& interrupt) {
  int worst = tools::exit_whole;
  for (const std::uint32_t owner : owners) {
    if (interrupt.requested()) break;
    if (!command.quiet) {
      tools::say("runlog-recover", "as uid " + std::to_string(owner) + ", its journals:");
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    worst = worse(worst, children.run(owner, left, interrupt.token()));
  }
  return worst;
}

int run(const Command& command, OwnerChildren& children) {
  const bool starts_children = acts_for_others(command);
  const auto deadline = Clock::now() + command.recover.timeout;
  Interrupt interrupt;
  Report report(command, starts_children);
  StoreMemory memory;
  work_through(command, true, memory, report, interrupt);
  if (command.watch) {
    if (starts_children) keep_children(children, report.take_owners());
    while (!interrupt.wait_for(command.interval) && !(command.owner && is_orphan())) {
      work_through(command, false, memory, report, interrupt);
      if (starts_children) keep_children(children, report.take_owners());
    }
    return worse(report.exit_code(), children.end_all());
  }
  report.show();
  int worst = report.exit_code();
  if (starts_children) {
    worst =
        worse(worst, run_children(command, children, report.take_owners(), deadline, interrupt));
  }
  if (interrupt.requested()) {
    if (!command.quiet) {
      tools::say("runlog-recover", "interrupted; what is left is on disk, run it again");
    }
    return tools::exit_interrupted;
  }
  return worst;
}

// Before anything is looked at, and before there is a second thread.
bool become_owner(Command& command) {
  const auto task = task_of_child();
  if (!task) return true;
  command.owner = task->owner;
  command.recover.timeout = task->timeout.value_or(command.recover.timeout);
  // Whoever has other rights has other secrets: those are not for the owner's stores.
  command.recover.believes_own = false;
  // Root's credential files cannot be read any more, and the owner's are not taken: what they name,
  // such as a program, would get root's environment. NOLINTNEXTLINE(concurrency-mt-unsafe)
  (void)::setenv("HOME", "/nonexistent", 1);
  // NOLINTNEXTLINE(concurrency-mt-unsafe)
  (void)::setenv("RUNLOG_CREDENTIAL_PROCESS", "0", 1);
  const std::string why = become(*command.owner);
  if (!why.empty()) tools::say("runlog-recover", why);
  return why.empty();
}

}  // namespace
}  // namespace runlog::recover_tool

int main(int argc, char** argv) {
  using namespace runlog::recover_tool;
  try {
    Parsed parsed = parse_options(argc, argv);
    if (!parsed.command) return parsed.exit_code;
    if (!become_owner(*parsed.command)) return runlog::tools::exit_waiting;
    OwnerChildren children(argc, argv);
    return run(*parsed.command, children);
  } catch (const std::exception& error) {  // std::bad_alloc and friends
    runlog::tools::say("runlog-recover", std::string("cannot go on: ") + error.what() +
                                             "; nothing is lost, run it again");
    return runlog::tools::exit_failed;
  }
}
