// A stranger's program: consumer ROOT TEXT logs one metric and one text to a journal under ROOT,
// and what else C++ users have at hand. It is compiled with their warnings as errors.
#include <array>
#include <chrono>
#include <cstdio>
#include <runlog/runlog.hpp>
#include <runlog/version.hpp>
#include <string_view>
#include <vector>

static_assert(RUNLOG_VERSION_MAJOR == 0);

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: consumer ROOT TEXT\n");
    return 2;
  }
  auto started = runlog::start_logging({.root = argv[1], .project = "consumer"});
  if (!started) {
    std::fprintf(stderr, "consumer: %s\n", started.error().message.c_str());
    return 1;
  }
  auto run = std::move(started).value();
  run.log("consumer/answer", 42, 7);
  run.text(runlog::Level::info, argv[2]);

  const std::vector<float> floats = {0.5F, 0.25F};
  const std::array<int, 3> counts = {1, 2, 3};
  const std::string_view name = "adamw";
  run.log_list("consumer/list", floats);
  run.log_list("consumer/list", {1, 2.5, 3U});
  run.log_histogram("consumer/histogram", {0, 1, 2, 3}, counts, 7);
  run.log_table("consumer/table", {{"floats", floats}, {"counts", counts}});
  run.param("batch", floats.size());
  run.param("rate", 0.5F);
  run.param("layers", 24U);
  run.param("optimizer", name);
  run.param("schedule", "cosine");
  run.set_tags({{"a", "b"}, {"c", name}});
  run.remove_tags({"c"});
  run.at(std::chrono::system_clock::now()).log("consumer/power", 312.5F, 7);
  const auto staged = run.upload_file("consumer", argv[0], 7);
  if (!staged) std::fprintf(stderr, "consumer: %s\n", staged.error().message.c_str());
  run.complete();
  std::printf("consumer: logged with runlog %s\n", runlog::kVersion);
  return 0;
}
