// Promise: recover() tells how far it has come in bytes, so that one large journal among small ones
// is no standstill.
#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "runlog/recover.hpp"
#include "runlog/runlog.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"

namespace fs = std::filesystem;

namespace {

// A journal that has ended, of which all waits; with as many artifacts of 100 kB.
void leave_journal(const test::TemporaryDirectory& directory, const std::string& run_id,
                   int artifacts) {
  auto run = runlog::start_logging({.root = directory / "runs", .run_id = run_id});
  REQUIRE(run);
  run->log("loss", 0.5, 1);
  for (int i = 0; i < artifacts; ++i) {
    std::ofstream(directory / "file") << std::string(100'000, static_cast<char>('a' + i));
    REQUIRE(run->upload_file("output-" + std::to_string(i), directory / "file"));
  }
  run->complete();
}

}  // namespace

TEST_CASE("recover tells the bytes that have arrived and those that wait, object by object") {
  const test::TemporaryDirectory directory;
  leave_journal(directory, "large", 10);
  leave_journal(directory, "small", 0);
  leave_journal(directory, "left", 0);
  std::vector<runlog::RecoverProgress> told;
  runlog::RecoverOptions options;
  options.store = (directory / "store").native();
  options.runs = {"large", "small"};
  options.on_progress = [&](const runlog::RecoverProgress& progress) { told.push_back(progress); };
  std::size_t done = 0;
  const auto outcomes = runlog::recover(directory / "runs", options, [&](const auto&) {
    CHECK(told.back().journals_done == done++);
  });
  REQUIRE(outcomes);
  REQUIRE(outcomes->size() == 2);
  REQUIRE(told.size() > 12);
  CHECK(told.front().journals == 2);
  CHECK(told.front().journals_done == 0);
  CHECK(told.front().bytes_shipped == 0);
  CHECK(told.front().bytes_waiting > 1'000'000);
  const auto part = [](const runlog::RecoverProgress& progress) {
    return static_cast<double>(progress.bytes_shipped) /
           static_cast<double>(progress.bytes_shipped + progress.bytes_waiting);
  };
  for (std::size_t i = 1; i < told.size(); ++i) {
    CHECK(told[i].bytes_shipped >= told[i - 1].bytes_shipped);
    CHECK(part(told[i]) >= part(told[i - 1]));
    CHECK(told[i].journals == 2);
  }
  const auto in_the_middle = std::count_if(told.begin(), told.end(), [&](const auto& progress) {
    return progress.journals_done == 0 && progress.run_id == "large" && part(progress) > 0.05 &&
           part(progress) < 0.95;
  });
  CHECK(in_the_middle >= 8);
  CHECK(told.back().journals_done == 2);
  CHECK(told.back().bytes_waiting == 0);
  CHECK(told.back().bytes_shipped == (*outcomes)[0].bytes_shipped + (*outcomes)[1].bytes_shipped);
  // What was done before is not waited for.
  told.clear();
  REQUIRE(runlog::recover(directory / "runs", options));
  CHECK(told.back().journals_done == 2);
  CHECK(told.back().bytes_shipped + told.back().bytes_waiting == 0);
}

TEST_CASE("what the store does not take is told as waiting") {
  const test::TemporaryDirectory directory;
  leave_journal(directory, "run", 2);
  std::ofstream(directory / "store") << "a file where the store should be";
  runlog::RecoverProgress last;
  runlog::RecoverOptions options;
  options.store = (directory / "store").native();
  options.on_progress = [&](const runlog::RecoverProgress& progress) { last = progress; };
  REQUIRE(runlog::recover(directory / "runs", options));
  CHECK(last.journals_done == 1);
  CHECK(last.bytes_shipped == 0);
  CHECK(last.bytes_waiting > 200'000);
}
