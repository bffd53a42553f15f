// A stranger's program: consumer ROOT TEXT logs one metric and one text to a journal under ROOT.
#include <cstdio>
#include <runlog/runlog.hpp>
#include <runlog/version.hpp>

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
  run.complete();
  std::printf("consumer: logged with runlog %s\n", runlog::kVersion);
  return 0;
}
