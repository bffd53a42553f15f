// runlog: looks into journals, packs and stores.
#include <signal.h>
#include <unistd.h>

#include <exception>
#include <string>
#include <variant>

#include "cli/console.hpp"
#include "commands.hpp"
#include "options.hpp"
#include "output.hpp"

int main(int argc, char** argv) {
  using namespace runlog::tools;
  // A closed pipe shows as EPIPE, so that a store's connection that breaks does not end us.
  ::signal(SIGPIPE, SIG_IGN);
  try {
    const Parsed parsed = parse_options(argc, argv);
    if (!parsed.command) return parsed.exit_code;
    Output out(STDOUT_FILENO);
    const int exit_code =
        std::visit([&](const auto& command) { return run(command, out); }, *parsed.command);
    return out.finish(exit_code);
  } catch (const std::exception& error) {  // std::bad_alloc and friends
    say("runlog", std::string("cannot go on: ") + error.what() + "; this machine may lack memory");
    return exit_failed;
  }
}
