// attempt ROOT BEGIN END VALUE [kill]: one attempt of the run "job": goes back to step BEGIN, if
// that is not 0, logs VALUE as "loss" for each step up to END, and completes, or dies of SIGKILL.
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "runlog/runlog.hpp"

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  auto run = runlog::start_logging({.root = argv[1], .run_id = "job"});
  if (!run) {
    std::fprintf(stderr, "attempt: %s\n", run.error().message.c_str());
    return 8;
  }
  const std::int64_t begin = std::atol(argv[2]);
  if (begin != 0) run->rewind(begin);
  for (std::int64_t step = begin; step < std::atol(argv[3]); ++step) {
    run->log("loss", std::atol(argv[4]), step);
  }
  if (argc > 5) ::raise(SIGKILL);
  run->complete();
  return 0;
}
