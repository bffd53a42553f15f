// What happens when the disk budget is used up, policy by policy.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "runlog/runlog.hpp"
#include "support/books.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"

using namespace std::chrono_literals;
using runlog::Kind;
using test::TemporaryDirectory;

namespace {

// A budget of 512 KiB that fills soon: random mantissas hardly compress.
runlog::Options tight(const TemporaryDirectory& root) {
  return {.root = root.path(),
          .sync_interval = 10ms,
          .ship_interval = 100ms,
          .pack_bytes = 64u << 10,
          .segment_bytes = 64u << 10,
          .disk_budget = 512u << 10,
          .on_error = [](const runlog::Error&) {}};
}

double noise(std::int64_t step) {
  const std::uint64_t mixed = static_cast<std::uint64_t>(step + 1) * 0x9E3779B97F4A7C15u;
  return 1.0 + static_cast<double>(mixed >> 12) * 0x1p-52;
}

// Logs until records were dropped, or `limit` calls; returns the calls made.
std::int64_t log_until_dropped(runlog::Run& run, std::int64_t limit) {
  auto metric = run.metric("loss");
  std::int64_t step = 0;
  while (step < limit && run.stats().dropped == 0) {
    for (int i = 0; i < 500; ++i, ++step) metric.log(noise(step), step);
  }
  return step;
}

std::uint64_t bytes_below(const std::filesystem::path& path) {
  std::uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    const auto kind = entry.path().extension();
    if (kind == ".seg" || kind == ".parquet") bytes += entry.file_size();
  }
  return bytes;
}

}  // namespace

TEST_CASE("drop_newest_counted keeps the oldest and counts the rest, within the budget") {
  TemporaryDirectory root;
  auto run = runlog::start_logging(tight(root));
  REQUIRE(run);
  const std::int64_t calls = log_until_dropped(*run, 1'000'000);
  run->complete();
  const auto stats = run->stats();
  CHECK(stats.dropped > 0);
  const auto contents = test::check_books(
      root.path(),
      {.accounts = {{"loss", static_cast<std::uint64_t>(calls)}}, .dropped = stats.dropped});
  const auto steps = contents.steps("loss");
  REQUIRE_FALSE(steps.empty());
  CHECK(steps.front() == 0);
  CHECK(bytes_below(root.path()) <= 512u << 10);
}

TEST_CASE("block waits its time, then drops and counts") {
  TemporaryDirectory root;
  runlog::Options options = tight(root);
  options.overflow = runlog::Overflow::block;
  options.overflow_block = 1ms;
  auto run = runlog::start_logging(options);
  REQUIRE(run);
  const std::int64_t calls = log_until_dropped(*run, 1'000'000);
  run->complete();
  const auto stats = run->stats();
  CHECK(stats.dropped > 0);
  (void)test::check_books(root.path(), {.accounts = {{"loss", static_cast<std::uint64_t>(calls)}},
                                        .dropped = stats.dropped});
}

TEST_CASE("the end of a run that blocks does not wait for room") {
  TemporaryDirectory root;
  runlog::Options options = tight(root);
  options.overflow = runlog::Overflow::block;
  options.overflow_block = 10min;
  options.finish_deadline = 1s;
  auto run = runlog::start_logging(options);
  REQUIRE(run);
  // Takes what is left of the budget, and stays.
  std::ofstream(run->journal_path() / "packs" / "filler.tmp") << std::string(512u << 10, 'x');
  for (std::int64_t step = 0; step < 64; ++step) run->log("loss", step, step);
  // A thread that waits for room does not hold the end up, and comes back with it.
  std::thread other([&] {
    while (run->get_status() == runlog::RunStatus::running) run->log("other", 1);
  });
  run->complete();
  other.join();
  CHECK(test::read(root.path()).journals.at(0).state == runlog::JournalState::complete);
}

TEST_CASE("drop_oldest_packed keeps the newest, and a gap tells what went") {
  TemporaryDirectory root;
  runlog::Options options = tight(root);
  options.overflow = runlog::Overflow::drop_oldest_packed;
  auto run = runlog::start_logging(options);
  REQUIRE(run);
  auto metric = run->metric("loss");
  constexpr std::int64_t kCalls = 200'000;  // about 1.6 MiB of packs
  for (std::int64_t step = 0; step < kCalls; ++step) {
    metric.log(noise(step), step);
    // No faster than packs are made: else there is nothing old that could go.
    const auto filled = static_cast<std::uint64_t>(step) * 24 / (64u << 10);
    while (step % 1000 == 999 && run->stats().packs_made + 3 < filled) std::this_thread::yield();
  }
  run->complete();
  const auto stats = run->stats();
  const auto contents = test::read(root.path());
  const auto steps = contents.steps("loss");
  REQUIRE_FALSE(steps.empty());
  CHECK(steps.front() > kCalls / 2);
  CHECK(steps.back() == kCalls - 1);
  CHECK(steps.size() + stats.dropped >= static_cast<std::size_t>(kCalls));
  bool is_told = false;
  for (const auto& gap : contents.of(Kind::gap)) is_told = is_told || gap.name == "evicted";
  CHECK(is_told);
  CHECK(contents.damage.empty());
  CHECK(bytes_below(root.path()) <= 512u << 10);
}

TEST_CASE("packs the store has make room before anything is dropped") {
  TemporaryDirectory root;
  TemporaryDirectory store;
  runlog::Options options = tight(root);
  options.store = store.path();
  auto run = runlog::start_logging(options);
  REQUIRE(run);
  auto metric = run->metric("loss");
  constexpr std::int64_t kSteps = 150'000;  // about 1.2 MiB of packs
  for (std::int64_t step = 0; step < kSteps; ++step) {
    metric.log(noise(step), step);
    if (step % 5000 == 4999) REQUIRE(run->wait_until(runlog::Shipped, 20s) == runlog::Wait::Done);
  }
  run->complete();
  CHECK(run->stats().dropped == 0);
  CHECK(bytes_below(root.path()) <= 512u << 10);
  CHECK(test::read(store.path()).steps("loss") == test::counting(kSteps));
}

TEST_CASE("keep_shipped off removes what the store has") {
  TemporaryDirectory root;
  TemporaryDirectory store;
  auto run =
      runlog::start_logging({.root = root.path(), .store = store.path(), .keep_shipped = false});
  REQUIRE(run);
  const auto journal = run->journal_path();
  run->log("loss", 1, 1);
  REQUIRE(run->wait_until(runlog::Shipped, 20s) == runlog::Wait::Done);
  run->complete();
  CHECK(bytes_below(journal) == 0);
  CHECK(test::read(store.path()).steps("loss") == std::vector<std::int64_t>{1});
}
