// A program with an interpreter in it that does about SIGINT what CPython does. Usage:
// embeds_python HOW ROOT; HOW: `later` initialises it after the run has started, `before` before,
// `without` too, but so that it leaves SIGINT alone (Py_InitializeEx(0)).
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "runlog/runlog.hpp"

namespace {

bool is_initialized = false;

void on_interrupt(int) {
  constexpr std::string_view kSaid = "KeyboardInterrupt\n";
  if (::write(STDOUT_FILENO, kSaid.data(), kSaid.size()) < 0) std::_Exit(9);
}

// signal_module_exec(): SIGINT is taken where its action is the default, and else never.
void initialize(bool takes_signals) {
  is_initialized = true;
  struct sigaction there {};
  ::sigaction(SIGINT, nullptr, &there);
  if (takes_signals && there.sa_handler == SIG_DFL) ::signal(SIGINT, &on_interrupt);
}

}  // namespace

extern "C" [[gnu::visibility("default")]] int Py_IsInitialized() {
  return is_initialized ? 1 : 0;
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const std::string how = argv[1];
  if (how != "later") initialize(how == "before");
  auto run = runlog::start_logging({.root = argv[2], .segment_bytes = 65536});
  if (!run) return 8;
  if (how == "later") initialize(true);
  ::raise(SIGINT);
  run->complete();
  return 0;
}
