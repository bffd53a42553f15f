// Promises: what the store has makes room before anything is dropped or refused; disk_bytes_now is
// what lies there; artifacts have a budget of their own.
#include "journal/disk_room.hpp"

#include <fstream>
#include <random>

#include "runlog/runlog.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"
#include "support/small_disk.hpp"
#include "support/unmounted.hpp"

using namespace std::chrono_literals;
using runlog::Errc;
using test::TemporaryDirectory;

namespace {

constexpr std::uint64_t kKiB = 1u << 10;
constexpr std::uint64_t kMiB = 1u << 20;

std::uint64_t bytes_below(const std::filesystem::path& journal) {
  std::uint64_t bytes = 0;
  for (const char* part : {"lanes", "packs", "shipped", "blobs"}) {
    for (const auto& entry : std::filesystem::directory_iterator(journal / part)) {
      bytes += entry.file_size();
    }
  }
  return bytes;
}

// Content that no other artifact has, and that does not compress.
void write_artifact(const std::filesystem::path& path, std::uint64_t bytes, unsigned seed) {
  std::mt19937 random(seed);
  std::string content(bytes, '\0');
  for (char& c : content) c = static_cast<char>(random());
  std::ofstream(path, std::ios::binary) << content;
}

runlog::Run start(const TemporaryDirectory& base, runlog::Options options) {
  if (options.root.empty()) options.root = base / "runs";
  options.store = (base / "store").native();
  auto run = runlog::start_logging(std::move(options));
  REQUIRE(run);
  return *run;
}

void log_some(runlog::Run& run, std::int64_t& next, int count) {
  for (int i = 0; i < count; ++i, ++next) run.log("loss", next, next);
}

}  // namespace

TEST_CASE("copies of artifacts and packs make room on a full disk before anything is refused") {
  const TemporaryDirectory base;
  test::SmallDisk disk(base / "disk", "8m");
  if (!disk.is_mounted()) {
    test::tell_unmounted("a tmpfs");
    return;
  }
  auto run = start(base, {.root = disk.path() / "runs",
                          .ship_interval = 100ms,
                          .pack_bytes = 64 * kKiB,
                          .segment_bytes = 64 * kKiB});
  std::int64_t next = 0;
  for (unsigned i = 0; i < 20; ++i) {
    write_artifact(base / "checkpoint", kMiB, i);
    CHECK(run.upload_file("checkpoint-" + std::to_string(i), base / "checkpoint"));
    log_some(run, next, 20'000);
    REQUIRE(run.wait_until(runlog::Shipped, 60s) == runlog::Wait::Done);
  }
  // Segments find their room too where copies have taken all of it.
  test::fill_disk(disk.path(), 300 * kKiB);
  log_some(run, next, 10'000);
  run.complete();
  CHECK(run.stats().dropped == 0);
  const auto contents = test::read(base / "store");
  CHECK(contents.steps("loss") == test::counting(next));
  CHECK(contents.of(runlog::Kind::file).size() == 20);
}

TEST_CASE("copies of other journals make room on a full disk, for a start as for a job") {
  const TemporaryDirectory base;
  test::SmallDisk disk(base / "disk", "8m");
  if (!disk.is_mounted()) {
    test::tell_unmounted("a tmpfs");
    return;
  }
  const runlog::Options options{.root = disk.path() / "runs",
                                .ship_interval = 100ms,
                                .pack_bytes = 64 * kKiB,
                                .segment_bytes = 64 * kKiB};
  auto before = start(base, options);
  for (unsigned i = 0; i < 6; ++i) {
    write_artifact(base / "checkpoint", kMiB, i);
    CHECK(before.upload_file("checkpoint-" + std::to_string(i), base / "checkpoint"));
  }
  REQUIRE(before.wait_until(runlog::Shipped, 60s) == runlog::Wait::Done);
  const bool is_alive = GENERATE(false, true);
  INFO(is_alive);
  if (!is_alive) before.complete();
  test::fill_disk(disk.path(), 0);
  auto run = start(base, options);
  std::int64_t next = 0;
  log_some(run, next, 10'000);
  write_artifact(base / "checkpoint", 2 * kMiB, 100);
  CHECK(run.upload_file("checkpoint", base / "checkpoint"));
  run.complete();
  CHECK(run.stats().dropped == 0);
  CHECK(test::read(base / "store").steps("loss") == test::counting(next));
}

TEST_CASE("disk_bytes_now is what lies there, whoever removes it, and is never below nothing") {
  const TemporaryDirectory base;
  for (const bool keeps : {true, false}) {
    INFO(keeps);
    auto run = start(base, {.ship_interval = 100ms,
                            .pack_bytes = 64 * kKiB,
                            .segment_bytes = 64 * kKiB,
                            .disk_budget = 2 * kMiB,
                            .keep_shipped = keeps});
    write_artifact(base / "checkpoint", 4 * kMiB, 1);
    CHECK(run.upload_file("checkpoint", base / "checkpoint"));
    std::int64_t next = 0;
    for (int round = 0; round < 10; ++round) {
      log_some(run, next, 20'000);
      REQUIRE(run.wait_until(runlog::Shipped, 60s) == runlog::Wait::Done);
      const std::uint64_t now = run.stats().disk_bytes_now;
      const std::uint64_t there = bytes_below(run.journal_path());
      // Spares come and go between the two looks.
      CHECK(now <= there + 512 * kKiB);
      CHECK(there <= now + 512 * kKiB);
      if (round % 3 != 0) continue;
      for (const auto& entry : std::filesystem::directory_iterator(run.journal_path() / "shipped"))
        std::filesystem::remove(entry.path());
    }
    run.complete();
    CHECK(run.stats().dropped == 0);
  }
}

TEST_CASE("room that others make in a full budget is used") {
  const TemporaryDirectory base;
  auto run = start(base, {.ship_interval = 1h,
                          .pack_bytes = 64 * kKiB,
                          .segment_bytes = 64 * kKiB,
                          .disk_budget = 512 * kKiB});
  const auto packs = run.journal_path() / "packs";
  // Its own file is what fills the budget, and it goes as a person would remove one.
  std::filesystem::create_directories(packs);
  std::ofstream(packs / "left-here") << std::string(480 * kKiB, 'x');
  std::int64_t next = 0;
  while (run.stats().dropped == 0 && next < 1'000'000) log_some(run, next, 1000);
  CHECK(run.stats().dropped > 0);
  std::filesystem::remove(packs / "left-here");
  bool is_kept = false;
  // Bounded by attempts: a lane asks for a segment ten times a second.
  for (int attempt = 0; attempt < 1000 && !is_kept; ++attempt) {
    const std::uint64_t before = run.stats().dropped;
    log_some(run, next, 1000);
    is_kept = run.stats().dropped == before;
    if (!is_kept) (void)run.wait_until(runlog::Durable, 1s);
  }
  CHECK(is_kept);
}

TEST_CASE("an artifact beyond its budget is refused before it is copied; kept ones go first") {
  const TemporaryDirectory base;
  auto run = start(base, {.ship_interval = 100ms, .artifact_budget = 3 * kMiB});
  for (unsigned i = 0; i < 6; ++i) {
    write_artifact(base / "checkpoint", kMiB, i);
    CHECK(run.upload_file("checkpoint-" + std::to_string(i), base / "checkpoint"));
    REQUIRE(run.wait_until(runlog::Shipped, 60s) == runlog::Wait::Done);
    CHECK(bytes_below(run.journal_path()) < 3 * kMiB + 32 * kMiB);
  }
  write_artifact(base / "large", 3 * kMiB + 1, 99);
  const auto refused = run.upload_file("large", base / "large");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::no_space);
  CHECK(refused.error().message.find("RUNLOG_ARTIFACT_BUDGET") != std::string::npos);
  CHECK(std::filesystem::is_empty(run.journal_path() / "blobs"));
  std::uint64_t kept = 0;
  for (const auto& entry : std::filesystem::directory_iterator(run.journal_path() / "shipped")) {
    if (entry.path().filename().native().size() == 64) kept += entry.file_size();
  }
  CHECK(kept <= 3 * kMiB);
  CHECK(kept > 0);
  run.complete();
  CHECK(test::read(base / "store").of(runlog::Kind::file).size() == 6);
}
