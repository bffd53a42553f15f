// Promise: what a job logs is in one place, and what it drops is told once, wherever its journal is
// moved to meanwhile, and however often.
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "runlog/runlog.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"

namespace fs = std::filesystem;

TEST_CASE("each call before, between and after two moves of a journal is kept or dropped once") {
  const test::TemporaryDirectory directory;
  auto run = runlog::start_logging({.root = directory / "runs",
                                    .run_id = "job",
                                    .pack_bytes = 64u << 10,
                                    .segment_bytes = 64u << 10,
                                    .disk_budget = 512u << 10,
                                    .on_error = [](const runlog::Error&) {}});
  REQUIRE(run);
  const fs::path journal = run->journal_path();
  std::int64_t calls = 0;
  const auto log_until_dropped = [&] {
    const auto before = run->stats().dropped;
    while (run->stats().dropped == before) {
      for (int i = 0; i < 1000; ++i, ++calls) run->log("loss", calls, calls);
    }
  };
  log_until_dropped();
  for (const std::string place : {"first", "second"}) {
    const fs::path moved = directory / place / "job" / journal.filename();
    fs::create_directories(moved.parent_path());
    fs::rename(journal, moved);
    // Bounded by attempts: each waits for a look at the files.
    for (int attempt = 0; attempt < 1000 && !fs::exists(journal / "LOCK"); ++attempt) {
      run->log("loss", calls, calls);
      ++calls;
      (void)run->wait_until(runlog::Durable, std::chrono::seconds(10));
    }
    REQUIRE(fs::exists(journal / "LOCK"));
    log_until_dropped();
  }
  run->complete();
  std::uint64_t kept = 0;
  std::uint64_t dropped = 0;
  for (const std::string place : {"first", "second", "runs"}) {
    INFO(place);
    const auto contents = test::read(directory / place);
    CHECK(contents.damage.empty());
    CHECK(contents.is_free_of_duplicates());
    kept += contents.steps("loss").size();
    dropped += contents.dropped();
  }
  CHECK(dropped == run->stats().dropped);
  CHECK(kept + dropped == static_cast<std::uint64_t>(calls));
}
