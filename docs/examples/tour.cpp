// Every call of the library that writes, once. docs/guide.md explains them in the same order.
//
//   tour [ROOT]
//
// Look at the result with `runlog cat ROOT` and `runlog stat ROOT`.
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <runlog/runlog.hpp>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using runlog::Level;

void log_metrics(runlog::Run& run) {
  run.log("val/accuracy", 0.91);       // no step
  run.log("train/loss", 0.5, 100);     // name, value, step
  run.log(100, {{"train/loss", 0.49},  // one row: one step, one time stamp
                {"train/lr", 3e-4},
                {"train/tokens", 1'048'576}});

  auto loss = run.metric("train/loss");  // the name is looked up once
  for (std::int64_t step = 101; step <= 200; ++step) loss.log(std::exp(-0.01 * 2), step);

  const auto measured = std::chrono::system_clock::now() - 40ms;
  run.at(measured).log("gpu/power", 312.5, 100);  // the caller's time stamp
}

void log_structures(runlog::Run& run) {
  const std::vector<float> per_class = {0.90F, 0.85F, 0.97F};
  run.log_list("val/f1_per_class", per_class, 200);
  run.log_row("val/summary", {{"precision", 0.9}, {"recall", 0.8}}, 200);

  const std::vector<double> fpr = {0, 0.1, 1};
  const std::vector<double> tpr = {0, 0.8, 1};
  run.log_table("val/roc", {{"fpr", fpr}, {"tpr", tpr}}, 200);

  const std::vector<double> edges = {-1, 0, 1};  // one more than counts, ascending
  const std::vector<int> counts = {12, 30};
  run.log_histogram("gradients", edges, counts, 200);

  run.log_json("confusion_matrix.v1", R"({"labels":["cat","dog"],"counts":[[8,2],[1,9]]})");
  run.text(Level::warning, "loss scale halved");
}

void log_files(runlog::Run& run, const std::filesystem::path& folder) {
  const auto checkpoint = folder / "checkpoint.bin";
  std::ofstream(checkpoint) << "weights";
  if (auto staged = run.upload_file("checkpoint", checkpoint, 200); !staged) {
    std::fprintf(stderr, "tour: %s\n", staged.error().message.c_str());
  }
  std::filesystem::remove(checkpoint);  // its content is in the journal

  std::ofstream(folder / "config.yaml") << "lr: 3e-4\n";
  if (auto staged = run.upload_folder("config", folder); !staged) {  // config/config.yaml
    std::fprintf(stderr, "tour: %s\n", staged.error().message.c_str());
  }

  const std::string png = "\x89PNG, or whatever the encoder made";
  (void)run.log_image("samples", std::as_bytes(std::span(png)), 200);
}

void tell_facts(runlog::Run& run) {
  run.param("lr", 3e-4);
  const std::vector<int> layers(24, 512);
  run.param("layers", layers.size());
  run.param("optimizer", "adamw");
  run.tag("model_type", "transformer");
  run.set_tags({{"stage", "warmup"}});
  run.remove_tags({"stage"});
  run.property("git_commit", "4b825dc");
}

}  // namespace

int main(int argc, char** argv) {
  auto started = runlog::start_logging({.root = argc > 1 ? argv[1] : "runs", .project = "tour"});
  if (!started) {
    std::fprintf(stderr, "tour: %s\n", started.error().message.c_str());
    return 1;
  }
  auto run = std::move(started).value();
  const auto folder = std::filesystem::temp_directory_path() / ("runlog-tour-" + run.session());
  std::filesystem::create_directories(folder);

  tell_facts(run);
  log_metrics(run);
  log_structures(run);
  log_files(run, folder);
  std::filesystem::remove_all(folder);

  if (auto child = run.child_run("fold-0")) {
    child->log("val/loss", 0.4, 1);
    child->complete();
  }
  run.rewind(150);  // back to the checkpoint of step 150; steps 150 to 200 are void, not deleted
  run.log("train/loss", 0.2, 150);

  if (run.wait_until(runlog::Durable, 10s) != runlog::Wait::Done) {
    std::fprintf(stderr, "tour: %s\n", run.stats().last_error.c_str());
  }
  if (const auto metrics = run.get_metrics("train/*")) {
    for (const auto& [name, points] : *metrics) {
      std::printf("%s: %zu points\n", name.c_str(), points.size());
    }
  }
  run.complete();
  return 0;
}
