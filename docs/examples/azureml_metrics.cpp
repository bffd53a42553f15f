// The first of three AzureML scripts, ported: metrics in a loop. docs/migrating-from-azureml.md
// shows it beside the original.
#include <cmath>
#include <runlog/runlog.hpp>

int main() {
  auto run = runlog::Run::current();
  for (int epoch = 0; epoch < 20; ++epoch) {
    const double loss = std::exp(-0.2 * epoch);
    run.log("loss", loss, epoch);
    run.log("accuracy", 1 - loss / 2, epoch);
  }
  run.complete();
}
