// Run::at(): records with a time stamp of the caller's, and what readers make of times that go
// back.
#include <chrono>
#include <set>
#include <thread>

#include "read/seen_records.hpp"
#include "runlog/runlog.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"
#include "support/start_run.hpp"

using namespace std::chrono_literals;
using runlog::Kind;
using std::chrono::system_clock;
using test::TemporaryDirectory;

namespace {

std::int64_t ns(system_clock::time_point time) {
  return std::chrono::nanoseconds(time.time_since_epoch()).count();
}

std::int64_t now_ns() {
  return ns(system_clock::now());
}

// A lane of one's own, and several segments of 64 KiB.
constexpr int kMany = 20'000;

}  // namespace

TEST_CASE("every kind that at() logs has the caller's time") {
  TemporaryDirectory root;
  auto run = test::start_run(root);
  const auto metric = run.metric("handle");
  const auto time = system_clock::now() - 24h;
  auto at = run.at(time);
  at.log("metric", 0.5);
  at.log("metric", 0.25f, 3);
  at.log(metric, 1);
  at.log(metric, 2, 4);
  at.log(5, {{"row/a", 1}, {"row/b", 2.5}});
  at.log_list("list", {1, 2.5}, 6);
  at.log_row("row", {{"x", 1}});
  at.log_table("table", {{"x", {1, 2}}});
  at.log_histogram("histogram", {0, 1}, {7}, 7);
  at.log_json("schema", "{}");
  at.text(runlog::Level::warning, "careful");
  const auto rows = test::read(run.journal_path()).rows;
  std::size_t stamped = 0;
  for (const auto& row : rows) {
    if (row.kind == Kind::status) continue;
    CHECK(row.time_ns == ns(time));
    ++stamped;
  }
  CHECK(stamped == 12);
  const auto metrics = test::read(run.journal_path()).of(Kind::metric);
  REQUIRE(metrics.size() == 6);
  CHECK(metrics[1].step == 3);
  CHECK(metrics[2].name == "handle");
  CHECK(metrics[3].step == 4);
  CHECK(metrics[5].value == 2.5);
  CHECK(run.stats().times_mended == 0);
}

TEST_CASE("a time before 1970 or after now becomes the nearest that may be, and is counted") {
  TemporaryDirectory root;
  auto run = test::start_run(root);
  const std::int64_t before = now_ns();
  run.at(system_clock::time_point{} - 24h).log("early", 1);
  run.at(system_clock::time_point{}).log("epoch", 1);
  run.at(system_clock::time_point::min()).text(runlog::Level::info, "earliest");
  run.at(system_clock::now() + 24h).log("late", 1);
  run.at(system_clock::time_point::max()).text(runlog::Level::info, "latest");
  const std::int64_t after = now_ns();
  CHECK(run.stats().times_mended == 5);
  const auto contents = test::read(run.journal_path());
  for (const auto& row : contents.rows) {
    if (row.kind == Kind::status) continue;
    INFO(row.name);
    if (row.name == "late" || row.text == "latest") {
      CHECK(row.time_ns >= before);
      CHECK(row.time_ns <= after);
    } else {
      CHECK(row.time_ns == 1);
    }
  }
}

TEST_CASE("at() of another run's metric, of an ended run and of none drops, and counts") {
  TemporaryDirectory root;
  auto run = test::start_run(root);
  auto other = test::start_run(root);
  const auto metric = run.metric("mine");
  auto at = run.at(system_clock::now());
  at.log(other.metric("foreign"), 1);
  CHECK(run.stats().dropped == 1);
  run.complete();
  at.log("late", 1);
  at.log(metric, 1);
  at.log(1, {{"a", 1}, {"b", 1}});
  at.text(runlog::Level::info, "late");
  CHECK(run.stats().dropped == 6);
  runlog::Run().at(system_clock::now()).log("inert", 1);
  runlog::Run().at(system_clock::now()).log_list("inert", {1});
}

TEST_CASE("times that go back in a lane lose nothing, and the lane keeps its order") {
  TemporaryDirectory root;
  const bool is_packed = GENERATE(false, true);
  auto run = test::start_run(
      root, {.pack_bytes = is_packed ? 64u << 10 : 1u << 30, .segment_bytes = 64u << 10});
  auto metric = run.metric("loss");
  const auto base = system_clock::now() - 240h;
  for (int i = 0; i < kMany; ++i) {
    // Now, and older and older.
    if (i % 3 != 0) {
      metric.log(i, i);
    } else {
      run.at(base - std::chrono::seconds(i)).log(metric, i, i);
    }
  }
  if (is_packed) run.complete();
  const auto contents = test::read(run.journal_path());
  CHECK(contents.damage.empty());
  CHECK(contents.is_free_of_duplicates());
  std::map<std::int64_t, test::Row> by_step;
  std::map<std::int32_t, std::int64_t> last_seq;
  bool is_in_order = true;
  for (const auto& row : contents.of(Kind::metric)) {
    by_step.emplace(*row.step, row);
    auto& last = last_seq.try_emplace(row.lane, -1).first->second;
    is_in_order = is_in_order && row.seq > last;
    last = row.seq;
  }
  CHECK(by_step.size() == kMany);
  for (const auto& [step, row] : by_step) {
    if (row.int_value != step) FAIL("step " << step);
    if (step % 3 == 0 && row.time_ns != ns(base - std::chrono::seconds(step)))
      FAIL("time " << step);
  }
  // Across packs the times decide; see Reader.
  if (!is_packed) CHECK(is_in_order);
  // The sums of the footers agree with the records of each pack.
  const auto checked =
      test::read(run.journal_path(), {.check_digests = true, .check_summaries = true});
  CHECK(checked.damage.empty());
}

TEST_CASE("a follower is told of each record once, also of old times and across packs") {
  TemporaryDirectory root;
  auto run = test::start_run(root, {.pack_bytes = 64u << 10, .segment_bytes = 64u << 10});
  auto follower = runlog::Follower::open(run.journal_path());
  REQUIRE(follower);
  std::map<std::int64_t, int> seen;
  const auto poll = [&] {
    auto polled = follower->poll([&](const runlog::Reader::Entry& entry) {
      if (entry.record.kind == Kind::metric) ++seen[*entry.record.step];
    });
    REQUIRE(polled);
  };
  int step = 0;
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 4'000; ++i, ++step) {
      if (i % 7 == 0 || i > 3'900) {
        run.at(system_clock::now() - std::chrono::hours(1 + i)).log("loss", step, step);
      } else {
        run.log("loss", step, step);
      }
    }
    if (round % 2 == 0) {
      run.flush();
      (void)run.wait_until(runlog::Durable, 30s);
    }
    poll();
    CHECK(seen.size() == static_cast<std::size_t>(step));
  }
  run.complete();
  poll();
  CHECK(seen.size() == static_cast<std::size_t>(step));
  for (const auto& [one, times] : seen) {
    if (times != 1) FAIL("step " << one << " told " << times << " times");
  }
}

TEST_CASE("in its own thread a rewind goes by the calls, in others by the time") {
  TemporaryDirectory root;
  auto run = test::start_run(root);
  const auto before = system_clock::now();
  for (int step = 0; step < 10; ++step) run.log("loss", step, step);
  run.rewind(5);
  run.at(before).log("loss", 100, 7);
  run.at(before).log("loss", 100, 3);
  run.at(system_clock::now()).log("loss", 5, 5);
  const auto after = system_clock::now();
  std::thread([&] {
    for (int i = 0; i < 200; ++i) run.log("other", i);  // has a lane of its own then
    run.at(before).log("loss", 100, 8);
    run.at(after).log("loss", 100, 9);
  }).join();
  const auto contents = test::read(run.journal_path(), {.apply_rewind = true});
  std::multiset<std::int64_t> steps;
  for (const auto step : contents.steps("loss")) steps.insert(step);
  CHECK(steps == std::multiset<std::int64_t>{0, 1, 2, 3, 3, 4, 5, 7, 9});
}

TEST_CASE("old times do not keep a lane from asking for room again") {
  TemporaryDirectory root;
  auto run = test::start_run(root, {.sync_interval = 10ms,
                                    .ship_interval = 100ms,
                                    .pack_bytes = 64u << 10,
                                    .segment_bytes = 64u << 10,
                                    .disk_budget = 512u << 10,
                                    .on_error = [](const runlog::Error&) {}});
  const std::string filler(8'000, 'x');
  std::int64_t calls = 0;
  while (run.stats().dropped == 0 && calls < 100'000) {
    run.log_json("filler", filler);
    ++calls;
  }
  REQUIRE(run.stats().dropped > 0);
  // Room comes; then records of old times find it.
  for (const auto& pack : std::filesystem::directory_iterator(run.journal_path() / "packs")) {
    if (pack.path().extension() == ".parquet") std::filesystem::remove(pack.path());
  }
  const auto old = system_clock::now() - 1000h;
  const auto give_up = std::chrono::steady_clock::now() + 60s;
  std::uint64_t kept = 0;
  for (int i = 0; kept == 0 && std::chrono::steady_clock::now() < give_up; ++i) {
    const std::uint64_t dropped = run.stats().dropped;
    run.at(old - std::chrono::hours(i)).log("loss", i, i);
    if (run.stats().dropped == dropped) ++kept;
    (void)run.wait_until(runlog::Durable, 10s);
  }
  CHECK(kept > 0);
}

TEST_CASE("the records of a lane keep their order from pack to pack, though their times go back") {
  TemporaryDirectory root;
  auto run = test::start_run(root, {.pack_bytes = 64u << 10, .segment_bytes = 64u << 10});
  const auto now = system_clock::now();
  for (int step = 0; step < kMany; ++step) {
    run.at(now - std::chrono::seconds(step / 500)).log("loss", step, step);
    // Of each pack the times are before those of the one before.
    if (step % 4'000 == 3'999) {
      run.flush();
      REQUIRE(run.wait_until(runlog::Durable, 30s) == runlog::Wait::Done);
    }
  }
  const auto check = [&] {
    std::map<std::int32_t, std::int64_t> next;
    std::size_t out_of_order = 0;
    const auto contents = test::read(run.journal_path());
    for (const auto& row : contents.rows) out_of_order += row.seq == next[row.lane]++ ? 0u : 1u;
    CHECK(out_of_order == 0);
    CHECK(contents.steps("loss").size() == kMany);
    CHECK(contents.damage.empty());
  };
  check();
  run.complete();
  check();
}

TEST_CASE("ranges of what was seen grow together") {
  runlog::SeenRecords seen;
  for (const std::int64_t seq : {5, 3, 9, 4, 8, 0}) CHECK(seen.add(1, seq));
  for (const std::int64_t seq : {5, 3, 9, 4, 8, 0}) CHECK_FALSE(seen.add(1, seq));
  CHECK(seen.add(2, 4));
  using Segments = std::vector<runlog::format::PackSegment>;
  const auto covers = [&](const Segments& segments) { return seen.covers(segments); };
  CHECK(covers({{.lane = 1, .first_seq = 3, .records = 3}}));
  CHECK_FALSE(covers({{.lane = 1, .first_seq = 3, .records = 4}}));
  CHECK_FALSE(covers({{.lane = 1, .first_seq = 2, .records = 2}}));
  CHECK(seen.add(1, 6));
  CHECK(seen.add(1, 7));
  CHECK(covers(
      {{.lane = 1, .first_seq = 3, .records = 7}, {.lane = 2, .first_seq = 4, .records = 1}}));
  CHECK_FALSE(covers({{.lane = 3, .first_seq = 0, .records = 1}}));
  CHECK(covers({{.lane = 3, .first_seq = 0, .records = 0}}));
}
