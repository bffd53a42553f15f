// Starts a run, and no more. Usage: starter ROOT [TROUBLE]; the rest by RUNLOG_*. Says "ready",
// waits for a byte, starts, says "started SESSION" or "refused CODE MESSAGE"; waits for the end of
// its input; completes. TROUBLE, for the start alone:
//   no_space   no file may grow
//   no_thread  no thread can be made
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "runlog/runlog.hpp"

namespace {

void say(const std::string& line) {
  const std::string text = line + "\n";
  if (::write(STDOUT_FILENO, text.data(), text.size()) < 0) std::_Exit(9);
}

bool read_byte() {
  char byte = 0;
  ssize_t got = 0;
  while ((got = ::read(STDIN_FILENO, &byte, 1)) < 0) {
  }
  return got > 0;
}

void make_trouble(const std::string& trouble) {
  if (trouble == "no_space") {
    const rlimit none{4096, RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &none);
  } else if (trouble == "no_thread") {
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setstacksize(&attributes, std::size_t{1} << 46);
    ::pthread_setattr_default_np(&attributes);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  if (argc > 2) make_trouble(argv[2]);
  say("ready");
  (void)read_byte();
  auto run = runlog::start_logging({.root = argv[1]});
  if (!run) {
    say("refused " + std::string(runlog::errc_name(run.error().code)) + " " + run.error().message);
    return 1;
  }
  say("started " + run->session());
  while (read_byte()) {
  }
  run->complete();
  return 0;
}
