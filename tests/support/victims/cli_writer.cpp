// cli_writer ROOT MODE: writes the journal that a test of the programs looks at. The run id is
// MODE; rank, store and the rest come from the environment (RUNLOG_RANK, RUNLOG_STORE, …).
//
//   sample   every kind of record, 100 steps, then complete()
//   odd      a name of two kinds, a property set twice, a rewind, then fail()
//   hostile  escape sequences, controls, bidi overrides, commas and quotes in names and texts
//   many     200000 metric records
//   crash    50 steps, then SIGKILL
//   gap      until records were dropped for lack of room and logging resumed, then SIGKILL
//   live     10 steps, then one per line on stdin ("kill" ends it by SIGKILL), complete() at its
//   end
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <limits>
#include <string>

#include "runlog/runlog.hpp"

namespace {

using runlog::Level;
using runlog::Run;

constexpr std::int64_t kSteps = 100;

void steps(Run& run, std::int64_t begin, std::int64_t end) {
  for (std::int64_t step = begin; step < end; ++step) {
    run.log("train/loss", 1.0 / static_cast<double>(step + 1), step);
  }
}

void sample(Run& run, const std::string& root) {
  run.param("lr", 0.0003);
  run.param("batch", std::int64_t{32});
  run.param("optimizer", std::string("adam"));
  run.tag("model_type", "linear");
  run.property("git", "0123abcd");
  steps(run, 0, kSteps);
  run.log("val/acc", 0.5, 10);
  run.log("val/acc", std::numeric_limits<double>::quiet_NaN(), 20);
  run.log("val/acc", std::numeric_limits<double>::infinity(), 30);
  run.log("val/acc", 0.75, 40);
  run.log("epoch", 3);
  run.log(kSteps, {{"row/a", 1}, {"row/b", 2.5}});
  const double edges[] = {0, 1, 2};
  const double counts[] = {3, 4};
  run.log_histogram("weights", edges, counts, 5);
  run.log_list("top", edges, 6);
  run.log_row("confusion", {{"tp", 10}, {"fp", 2}}, 7);
  run.log_json("note", R"({"a":[1,2,3]})");
  run.text(Level::info, "hello, world");
  run.text(Level::warning, "two\nlines");
  const std::string file = root + "/artifact.txt";
  std::ofstream(file) << "twelve bytes";
  if (auto done = run.upload_file("output", file); !done) {
    std::fprintf(stderr, "upload: %s\n", done.error().message.c_str());
  }
  run.complete();
}

void odd(Run& run) {
  steps(run, 0, 10);
  run.log_row("train/loss", {{"a", 1}}, 3);
  run.property("dataset", "one");
  run.property("dataset", "two");
  run.rewind(5);
  run.log("train/loss", 42.0, 5);
  run.fail("OOM", "out of memory");
}

void hostile(Run& run) {
  run.log("esc\x1b[31mred\x1b]0;title\x07", 1.0, 1);
  run.log(
      "c1\xC2\x9B"
      "2J",
      2.0, 2);
  run.log("bidi\xE2\x80\xAEgnp.exe", 3.0, 3);
  run.log("</text><script>alert(\"a\" & 'b')</script>", 4.0, 4);
  run.log(std::string(200, 'z'), 5.0, 5);
  run.text(Level::info,
           "bell\a back\b\x7f"
           "del\r\nnext line\tend");
  run.text(Level::info, "commas, \"quotes\"\nand lines");
  run.text(Level::info, "isolate\xE2\x81\xA6here");
  run.param("p\x1b[2J", std::string("=cmd|' /C calc'!A0"));
  run.tag("wide \xE6\xBC\xA2\xE5\xAD\x97", "\xF0\x9F\x9A\x80");
  run.complete();
}

void live(Run& run) {
  steps(run, 0, 10);
  std::puts("ready");
  std::fflush(stdout);
  std::int64_t step = 10;
  for (std::string line; std::getline(std::cin, line); ++step) {
    if (line == "kill") std::raise(SIGKILL);
    steps(run, step, step + 1);
    std::printf("%lld\n", static_cast<long long>(step));
    std::fflush(stdout);
  }
  run.complete();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: cli_writer ROOT MODE\n", stderr);
    return 2;
  }
  const std::string root = argv[1];
  const std::string mode = argv[2];
  auto started = runlog::start_logging({.root = root, .project = "cli", .run_id = mode});
  if (!started) {
    std::fprintf(stderr, "cli_writer: %s\n", started.error().message.c_str());
    return 1;
  }
  Run run = std::move(started).value();
  if (mode == "sample") sample(run, root);
  if (mode == "odd") odd(run);
  if (mode == "hostile") hostile(run);
  if (mode == "live") live(run);
  if (mode == "crash") {
    steps(run, 0, 50);
    std::raise(SIGKILL);
  }
  if (mode == "gap") {
    auto metric = run.metric("train/loss");
    // Takes half of the disk budget, and goes when records are dropped: then there is room again.
    const auto filler = run.journal_path() / "packs" / "filler.tmp";
    std::ofstream(filler) << std::string(256u << 10, 'x');
    std::uint64_t records_at_drop = 0;
    for (std::int64_t step = 0; step < 100'000'000; ++step) {
      metric.log(step, step);
      if (step % 64 != 0) continue;
      const auto stats = run.stats();
      if (stats.dropped == 0 || records_at_drop == 0) {
        records_at_drop = stats.dropped == 0 ? 0 : stats.records;
        if (stats.dropped != 0) std::filesystem::remove(filler);
      } else if (stats.records > records_at_drop) {
        std::raise(SIGKILL);
      }
    }
  }
  if (mode == "many") {
    steps(run, 0, 200000);
    run.complete();
  }
  return 0;
}
