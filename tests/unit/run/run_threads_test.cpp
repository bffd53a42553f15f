// Where threads meet: many loggers, the keeper sealing under them, readers, and the end.
#include <atomic>
#include <set>
#include <thread>

#include "runlog/runlog.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"

using namespace std::chrono_literals;
using test::TemporaryDirectory;

TEST_CASE("calls made while complete() runs are in the data or counted, each of them") {
  constexpr int kThreads = 4;
  for (int round = 0; round < 8; ++round) {
    TemporaryDirectory root;
    auto run = runlog::start_logging({.root = root.path(), .segment_bytes = 64u << 10});
    REQUIRE(run);
    std::atomic<std::int64_t> calls = 0;
    std::atomic<std::int64_t> returned_before = 0;
    std::atomic<bool> is_over = false;
    std::vector<std::thread> threads;
    for (int id = 0; id < kThreads; ++id) {
      threads.emplace_back([&, id] {
        auto metric = run->metric("metric/" + std::to_string(id));
        for (std::int64_t step = 0; !is_over; ++step) {
          metric.log(step, step);
          ++calls;
        }
      });
    }
    while (calls < 1000 * (round + 1)) std::this_thread::yield();
    returned_before = calls.load();
    run->complete();
    is_over = true;
    for (auto& thread : threads) thread.join();
    std::int64_t read = 0;
    const auto contents = test::read(root.path());
    for (int id = 0; id < kThreads; ++id) {
      const auto steps = contents.steps("metric/" + std::to_string(id));
      read += static_cast<std::int64_t>(steps.size());
      CHECK(steps == test::counting(static_cast<std::int64_t>(steps.size())));
    }
    CHECK(read >= returned_before);
    CHECK(read + static_cast<std::int64_t>(run->stats().dropped) == calls);
    CHECK(contents.damage.empty());
    CHECK(contents.journals.at(0).state == runlog::JournalState::complete);
  }
}

TEST_CASE(
    "threads that log while segments are sealed, synced, packed, shipped and read lose nothing") {
  constexpr int kThreads = 4;
  constexpr std::int64_t kSteps = 20'000;
  TemporaryDirectory root;
  TemporaryDirectory store;
  auto run = runlog::start_logging({.root = root.path(),
                                    .store = store.path(),
                                    .sync_interval = 10ms,
                                    .ship_interval = 100ms,
                                    .pack_bytes = 64u << 10,
                                    .segment_bytes = 64u << 10});
  REQUIRE(run);
  std::atomic<int> running = kThreads;
  std::vector<std::thread> threads;
  for (int id = 0; id < kThreads; ++id) {
    threads.emplace_back([&, id] {
      auto metric = run->metric("metric/" + std::to_string(id));
      for (std::int64_t step = 0; step < kSteps; ++step) {
        metric.log(step, step);
        if (step % 1000 == 0) run->text(runlog::Level::info, "from " + std::to_string(id));
      }
      --running;
    });
  }
  std::set<std::string> holes;
  // Everything else that may happen meanwhile.
  while (running > 0) {
    run->flush();
    CHECK(run->wait_until(runlog::Durable, 20s) == runlog::Wait::Done);
    (void)run->stats();
    const auto metrics = run->get_metrics();
    REQUIRE(metrics);
    for (const auto& [name, points] : *metrics) {
      for (std::size_t i = 0; i < points.size(); ++i) {
        if (points[i].step != static_cast<std::int64_t>(i)) holes.insert(name);
      }
    }
  }
  for (auto& thread : threads) thread.join();
  CHECK(holes.empty());
  run->complete();
  const auto stats = run->stats();
  CHECK(stats.dropped == 0);
  CHECK(stats.packs_waiting == 0);
  const auto contents = test::read(store.path());
  for (int id = 0; id < kThreads; ++id) {
    CHECK(contents.steps("metric/" + std::to_string(id)) == test::counting(kSteps));
  }
  CHECK(contents.of(runlog::Kind::text).size() == kThreads * 20);
  CHECK(contents.damage.empty());
  CHECK(contents.is_free_of_duplicates());
}

// A thread's first records are in another lane than the rest, and lanes are not copied all at once.
TEST_CASE("what is read beside the writers has no hole in what a thread logged") {
  constexpr std::int64_t kSteps = 200;
  int holes = 0;
  for (int round = 0; round < 50; ++round) {
    TemporaryDirectory root;
    auto run = runlog::start_logging({.root = root.path(), .segment_bytes = 64u << 10});
    REQUIRE(run);
    std::atomic<bool> is_over = false;
    std::thread starter([&] {
      for (int id = 0; id < 20; ++id) {
        std::thread([&] {
          auto metric = run->metric("metric/" + std::to_string(id));
          for (std::int64_t step = 0; step < kSteps; ++step) metric.log(step, step);
        }).join();
      }
      is_over = true;
    });
    while (!is_over) {
      if (round % 2 == 0) run->flush();
      const auto metrics = run->get_metrics();
      for (const auto& [name, points] : metrics.value()) {
        for (std::size_t i = 0; i < points.size(); ++i) {
          if (points[i].step != static_cast<std::int64_t>(i)) ++holes;
        }
      }
    }
    starter.join();
  }
  CHECK(holes == 0);
}

TEST_CASE("256 threads that log once share a lane") {
  TemporaryDirectory root;
  auto run = runlog::start_logging({.root = root.path()});
  REQUIRE(run);
  std::vector<std::thread> threads;
  for (int id = 0; id < 256; ++id) {
    threads.emplace_back([&, id] { run->log("once", id, id); });
  }
  for (auto& thread : threads) thread.join();
  CHECK(run->stats().lanes == 1);
  CHECK(run->stats().disk_bytes_now <= 32u << 20);
  const auto steps = test::read(run->journal_path()).steps("once");
  CHECK(std::set(steps.begin(), steps.end()).size() == 256);
}

TEST_CASE("a lane is used again when its thread has ended") {
  TemporaryDirectory root;
  auto run = runlog::start_logging({.root = root.path()});
  REQUIRE(run);
  for (int round = 0; round < 50; ++round) {
    std::thread([&] {
      for (int step = 0; step < 200; ++step) run->log("loss", step, round * 200 + step);
    }).join();
  }
  CHECK(run->stats().lanes == 2);
  run->complete();
  CHECK(test::read(root.path()).steps("loss") == test::counting(10'000));
}

TEST_CASE("ending a run while others log drops and counts, and never crashes") {
  for (int round = 0; round < 10; ++round) {
    TemporaryDirectory root;
    auto run = runlog::start_logging({.root = root.path()});
    REQUIRE(run);
    std::atomic<bool> stop = false;
    std::atomic<std::uint64_t> calls = 0;
    std::vector<std::thread> threads;
    for (int id = 0; id < 3; ++id) {
      threads.emplace_back([&] {
        auto metric = run->metric("loss");
        while (!stop) {
          metric.log(1, 1);
          ++calls;
        }
      });
    }
    while (calls < 3000) std::this_thread::yield();
    run->complete();
    stop = true;
    for (auto& thread : threads) thread.join();
    const auto contents = test::read(root.path());
    CHECK(contents.damage.empty());
    CHECK(contents.journals.at(0).state == runlog::JournalState::complete);
  }
}

TEST_CASE("a thread that outlives its run does not touch it") {
  TemporaryDirectory root;
  std::atomic<int> phase = 0;
  runlog::Metric metric;
  std::thread late([&] {
    while (phase == 0) std::this_thread::yield();
    for (int i = 0; i < 200; ++i) metric.log(i, i);  // gets a lane of its own
    phase = 2;
    while (phase == 2) std::this_thread::yield();
    metric.log(1, 1);  // the run has ended
    metric = {};
  });
  {
    auto run = runlog::start_logging({.root = root.path()});
    REQUIRE(run);
    metric = run->metric("loss");
    phase = 1;
    while (phase != 2) std::this_thread::yield();
  }
  phase = 3;
  late.join();
  CHECK(test::read(root.path()).steps("loss") == test::counting(200));
}
