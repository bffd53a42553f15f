// campaign ROOT END STEPS [FROM]: one process of one run, with values that can be foretold. Run id,
// rank and world come from the environment. Logs the steps FROM + 1 to STEPS, after a rewind when
// FROM is given, then ends:
//
//   complete   with the step
//   diverge    the loss was NaN in the last ten steps
//   abort      by SIGABRT, in mid-run
//   kill       by SIGKILL, in mid-run
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>

#include "runlog/runlog.hpp"

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const std::string end = argv[2];
  const std::int64_t steps = std::atol(argv[3]);
  const std::int64_t from = argc > 4 ? std::atol(argv[4]) : 0;
  auto started = runlog::start_logging({.root = argv[1], .project = "campaign"});
  if (!started) {
    std::fprintf(stderr, "campaign: %s\n", started.error().message.c_str());
    return 1;
  }
  runlog::Run run = std::move(started).value();
  const char* const rank_text = std::getenv("RUNLOG_RANK");
  const std::int64_t rank = rank_text != nullptr ? std::atol(rank_text) : 0;
  run.param("lr", 0.5);
  if (from > 0) run.rewind(from + 1);
  for (std::int64_t step = from + 1; step <= steps; ++step) {
    double loss = 64.0 / static_cast<double>(step);
    if (end == "diverge" && step > steps - 10) loss = std::numeric_limits<double>::quiet_NaN();
    if (rank == 0) run.log("train/loss", loss, step);
    run.log("tokens_per_s", 1000.0 * static_cast<double>(rank + 1) + static_cast<double>(step % 2),
            step);
  }
  if (end == "kill") std::raise(SIGKILL);
  if (end == "abort") std::abort();
  run.complete();
  return 0;
}
