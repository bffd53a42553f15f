// Promises: what the store has makes room before anything is dropped or refused; disk_bytes_now is
// what lies there; artifacts have a budget of their own.
#include "journal/disk_room.hpp"

#include <atomic>
#include <fstream>
#include <latch>
#include <random>
#include <thread>
#include <vector>

#include "journal/segment_pool.hpp"
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

std::uint64_t blob_bytes(const std::filesystem::path& journal) {
  std::uint64_t bytes = 0;
  for (const char* part : {"shipped", "blobs"}) {
    for (const auto& entry : std::filesystem::directory_iterator(journal / part)) {
      if (entry.path().filename().native().size() == 64) bytes += entry.file_size();
    }
  }
  return bytes;
}

// `work(i)` of `count` threads that begin at once.
template <typename Work>
void at_once(std::size_t count, Work work) {
  std::latch begun(static_cast<std::ptrdiff_t>(count));
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      begun.arrive_and_wait();
      work(i);
    });
  }
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

TEST_CASE("a recovery to another store leaves others' copies, which may be all there is") {
  const TemporaryDirectory base;
  test::SmallDisk disk(base / "disk", "8m");
  if (!disk.is_mounted()) {
    test::tell_unmounted("a tmpfs");
    return;
  }
  auto kept = start(base, {.root = disk.path() / "runs",
                           .run_id = "kept",
                           .pack_bytes = 64 * kKiB,
                           .segment_bytes = 64 * kKiB});
  write_artifact(base / "checkpoint", 2 * kMiB, 1);
  REQUIRE(kept.upload_file("checkpoint", base / "checkpoint"));
  kept.complete();
  const auto copies = blob_bytes(kept.journal_path());
  REQUIRE(copies >= 2 * kMiB);
  (void)test::run_command({test::victim("writer"), "everything", disk.path() / "runs", "kill"},
                          {{"RUNLOG_RUN_ID", "aborted"}, {"RUNLOG_SEGMENT_BYTES", "64KiB"}});
  std::filesystem::rename(base / "store", base / "gone");
  test::fill_disk(disk.path(), 0);
  for (const bool again : {false, true}) {
    INFO(again);
    std::vector<std::string> command = {test::tool("runlog-recover"),
                                        (disk.path() / "runs" / "aborted").native(), "-q",
                                        "--store", (base / "new").native()};
    if (again) command.push_back("--again");
    (void)test::run_command(command);
    CHECK(blob_bytes(kept.journal_path()) >= copies);
  }
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

TEST_CASE("artifacts staged at once get no room that another one has, and all there is") {
  const TemporaryDirectory base;
  constexpr std::size_t kThreads = 8;
  for (unsigned i = 0; i < kThreads; ++i) {
    write_artifact(base / ("checkpoint-" + std::to_string(i)), kMiB, i);
  }
  for (int round = 0; round < 5; ++round) {
    INFO(round);
    auto run = start(base, {.root = base / ("runs-" + std::to_string(round)),
                            .ship_interval = 1h,
                            .artifact_budget = 3 * kMiB + kMiB / 2});
    std::atomic<int> staged = 0;
    std::atomic<int> refused = 0;
    at_once(kThreads, [&](std::size_t i) {
      const std::string name = "checkpoint-" + std::to_string(i);
      const auto uploaded = run.upload_file(name, base / name);
      if (uploaded) ++staged;
      if (!uploaded && uploaded.error().code == Errc::no_space) ++refused;
    });
    CHECK(staged == 3);
    CHECK(refused == static_cast<int>(kThreads) - 3);
    CHECK(blob_bytes(run.journal_path()) == 3 * kMiB);
    CHECK(run.stats().dropped == 0);  // the caller was told
    run.cancel();
  }
}

TEST_CASE("room for an artifact that could not be staged is there for the next one") {
  const TemporaryDirectory base;
  auto run = start(base, {.ship_interval = 1h, .artifact_budget = kMiB});
  write_artifact(base / "one", kMiB, 1);
  // Its journal cannot take it: there is a file in the place of blobs/.
  const auto blobs = run.journal_path() / "blobs";
  std::filesystem::remove(blobs);
  std::ofstream(blobs) << "x";
  for (int i = 0; i < 3; ++i) CHECK_FALSE(run.upload_file("one", base / "one"));
  std::filesystem::remove(blobs);
  CHECK(run.upload_file("one", base / "one"));
  run.cancel();
}

TEST_CASE("large values and images in memory are held to the artifact budget") {
  const TemporaryDirectory base;
  auto run = start(
      base,
      {.ship_interval = 1h, .artifact_budget = 5 * kMiB, .on_error = [](const runlog::Error&) {}});
  const auto document = [](char c) { return '"' + std::string(2 * kMiB - 4096, c) + '"'; };
  for (const char c : {'a', 'b', 'c', 'd'}) run.log_json("large", document(c));
  CHECK(run.stats().spilled == 2);
  CHECK(run.stats().dropped == 2);
  const std::vector<std::byte> image(2 * kMiB, std::byte{7});
  const auto refused = run.log_image("sample", image);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::no_space);
  CHECK(refused.error().message.find("RUNLOG_ARTIFACT_BUDGET") != std::string::npos);
  CHECK(run.stats().dropped == 2);
  const std::vector<std::byte> small(kMiB / 2, std::byte{7});
  CHECK(run.log_image("sample", small));
  CHECK(blob_bytes(run.journal_path()) <= 5 * kMiB);
  run.log_json("large", document('a'));  // is there already
  CHECK(run.stats().dropped == 2);
  run.complete();
  const auto contents = test::read(base / "store");
  CHECK(contents.dropped() == 2);
  CHECK(contents.of(runlog::Kind::spill).size() == 3);
  CHECK(contents.of(runlog::Kind::image).size() == 1);
}

TEST_CASE("a segment that the disk budget has no room for takes none from another, meanwhile") {
  const TemporaryDirectory base;
  const runlog::JournalDir directory(base / "journal");
  REQUIRE(directory.create());
  runlog::SegmentPool pool(directory,
                           {.segment_bytes = kMiB, .disk_budget = kMiB - 1, .guard_sigbus = false});
  std::atomic<bool> is_over = false;
  std::atomic<int> refused = 0;
  std::jthread large([&] {
    while (!is_over) refused += pool.prepare() ? 0 : 1;
  });
  while (refused == 0) std::this_thread::yield();
  int made = 0;
  for (int i = 0; i < 300; ++i) made += pool.set_aside_for_end() ? 1 : 0;  // 64 KiB
  is_over = true;
  CHECK(made == 300);
}
