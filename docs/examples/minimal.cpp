// The shortest use: a run in ./runs, one parameter, a metric. Look at it with `runlog ls runs` and
// `runlog plot runs train/loss`; had it been killed on the way, what it had logged would be there.
#include <cmath>
#include <runlog/runlog.hpp>

int main() {
  auto run = runlog::start_logging({.root = "runs", .project = "minimal"}).value();
  run.param("lr", 3e-4);
  for (int step = 1; step <= 1000; ++step) {
    run.log("train/loss", std::exp(-0.004 * step), step);
  }
  run.complete();
}
