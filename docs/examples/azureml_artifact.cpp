// The second of three AzureML scripts, ported: a parameter, a tag, and a file that is removed at
// the end. docs/migrating-from-azureml.md names it.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <runlog/runlog.hpp>

int main() {
  auto started = runlog::start_logging({.project = "linear"});
  if (!started) {
    std::fprintf(stderr, "%s\n", started.error().message.c_str());
    return 1;
  }
  auto run = *started;
  run.param("alpha", 0.03);
  run.tag("model_type", "linear");

  std::ofstream("output.txt") << "coefficients: 1.5 -0.25\n";
  auto uploaded = run.upload_file("output", "output.txt");
  std::filesystem::remove("output.txt");
  if (!uploaded) {
    run.fail("upload", uploaded.error().message);
    return 1;
  }
  run.complete();
}
