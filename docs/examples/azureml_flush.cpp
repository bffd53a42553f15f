// The third of three AzureML scripts, ported: a thousand metrics, with a flush after every hundred.
// docs/migrating-from-azureml.md names it.
#include <runlog/runlog.hpp>

int main() {
  auto run = runlog::start_logging({.project = "linear"}).value();
  auto metric = run.metric("value");
  for (int i = 0; i < 1000; ++i) {
    metric.log(i * 0.5, i);
    if (i % 100 == 99) run.flush();
  }
  run.complete();
}
