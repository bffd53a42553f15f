// runlog: looks into journals, packs and stores.
#include <signal.h>
#include <unistd.h>

#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "cli/arguments.hpp"
#include "cli/console.hpp"
#include "output.hpp"
#include "subcommand.hpp"

namespace runlog::tools {
namespace {

int run_program(int argc, char** argv) {
  Program program(
      "runlog",
      "Look into runlog journals, packs and stores. All but clean, pull and doctor only read.");
  program.arguments().footer(
      "Exit: 0 fine, 1 could not run, 2 usage, 3 damaged or dropped records, 4 kept by\n"
      "clean or not pulled, 141 the reader of our output went away. See runlog(1).");
  std::vector<std::pair<const Arguments*, Subcommand::Work>> works;
  for (const Subcommand* subcommand : all_subcommands()) {
    Arguments& arguments = program.add_subcommand(subcommand->name(), subcommand->summary());
    arguments.footer("Exit: 0 fine, 1 could not run, 2 usage, 3 damaged records.");
    works.emplace_back(&arguments, subcommand->prepare(arguments));
  }
  if (const auto exit_code = program.parse(argc, argv)) return *exit_code;
  for (const auto& [arguments, work] : works) {
    if (!arguments->was_chosen()) continue;
    Output out(STDOUT_FILENO);
    const int exit_code = work(out);
    return out.finish(exit_code);
  }
  return exit_usage;
}

}  // namespace
}  // namespace runlog::tools

int main(int argc, char** argv) {
  using namespace runlog::tools;
  // A closed pipe shows as EPIPE, so that a store's connection that breaks does not end us.
  ::signal(SIGPIPE, SIG_IGN);
  try {
    return run_program(argc, argv);
  } catch (const std::exception& error) {  // std::bad_alloc and friends
    say("runlog", std::string("cannot go on: ") + error.what() + "; this machine may lack memory");
    return exit_failed;
  }
}
