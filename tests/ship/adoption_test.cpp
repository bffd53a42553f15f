// A run that starts adopts what dead processes left under its root: so many, and no more, that a
// root full of them does not become its main work.
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <thread>
#include <utility>
#include <vector>

#include "runlog/runlog.hpp"
#include "support/books.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"

using namespace std::chrono_literals;

namespace {

constexpr std::size_t kPer_start = 64;  // as docs/guide.md has it
constexpr std::size_t kMore = 5;

runlog::Run start(const test::TemporaryDirectory& directory, const std::string& run_id,
                  std::chrono::milliseconds finish_deadline) {
  runlog::Options options;
  options.root = directory / "runs";
  options.store = (directory / "store").native();
  options.run_id = run_id;
  options.segment_bytes = 64u << 10;
  options.ship_interval = 1h;
  options.finish_deadline = finish_deadline;
  options.on_error = [](const runlog::Error&) {};
  auto run = runlog::start_logging(std::move(options));
  INFO((run ? "" : run.error().message));
  REQUIRE(run);
  return *run;
}

std::size_t ended_runs(const std::filesystem::path& store) {
  std::size_t count = 0;
  if (!std::filesystem::exists(store)) return count;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(store)) {
    count += entry.path().native().ends_with(".end.json");
  }
  return count;
}

void adopt_and_end(runlog::Run run, std::size_t journals) {
  while (run.stats().journals_adopted < journals) std::this_thread::yield();
  run.complete();
  CHECK(run.stats().journals_adopted == journals);
}

// A journal of a run that could not ship.
std::filesystem::path leave_dead(const test::TemporaryDirectory& directory,
                                 const std::string& run_id) {
  auto run = start(directory, run_id, 1ms);
  run.log("loss of " + run_id, 1.0, 0);
  run.complete();
  return run.journal_path();
}

// Names and sizes.
std::vector<std::pair<std::string, std::uintmax_t>> files_of(const std::filesystem::path& journal) {
  std::vector<std::pair<std::string, std::uintmax_t>> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(journal)) {
    if (entry.is_regular_file()) files.emplace_back(entry.path().native(), entry.file_size());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

TEST_CASE("a start leaves alone what another user has made, or could have changed") {
  namespace fs = std::filesystem;
  const test::TemporaryDirectory directory;
  std::ofstream(directory / "store") << "a file where the store should be\n";
  std::vector<fs::path> others;
  if (::geteuid() == 0) {  // who else could give it away
    others.push_back(leave_dead(directory, "a"));
    REQUIRE(::chown(others.back().c_str(), 12345, 12345) == 0);
  }
  others.push_back(leave_dead(directory, "b"));
  fs::permissions(others.back(), fs::perms::others_write, fs::perm_options::add);
  const auto linked = leave_dead(directory, "c");
  fs::rename(linked, directory / "elsewhere");
  fs::create_directory_symlink(directory / "elsewhere", linked);
  others.push_back(directory / "elsewhere");
  if (::geteuid() == 0) {  // one of this user, behind the link of another
    const auto aside = directory / "aside";
    others.push_back(aside / leave_dead(directory, "cc").filename());
    fs::rename(directory / "runs" / "cc", aside);
    const auto link = directory / "runs" / "cc";
    fs::create_directory_symlink(aside, link);
    REQUIRE(::lchown(link.c_str(), 12345, 12345) == 0);
  }
  (void)leave_dead(directory, "d");  // the last that is looked at
  std::vector<std::vector<std::pair<std::string, std::uintmax_t>>> before;
  for (const auto& journal : others) before.push_back(files_of(journal));
  fs::remove(directory / "store");
  adopt_and_end(start(directory, "own", 30s), 1);
  CHECK(ended_runs(directory / "store") == 2);
  for (std::size_t i = 0; i < others.size(); ++i) CHECK(files_of(others[i]) == before[i]);
}

TEST_CASE("a start adopts 64 dead journals, the next one those that are left") {
  const test::TemporaryDirectory directory;
  std::ofstream(directory / "store") << "a file where the store should be\n";
  for (std::size_t i = 0; i < kPer_start + kMore; ++i) {
    auto run = start(directory, "dead" + std::to_string(i), 1ms);
    run.log("loss " + std::to_string(i), 1.0, 0);
    run.complete();
  }
  std::filesystem::remove(directory / "store");
  REQUIRE(ended_runs(directory / "store") == 0);
  adopt_and_end(start(directory, "first", 30s), kPer_start);
  CHECK(ended_runs(directory / "store") == kPer_start + 1);
  adopt_and_end(start(directory, "second", 30s), kMore);
  CHECK(ended_runs(directory / "store") == kPer_start + kMore + 2);
  test::Books books{.dropped = 0};
  for (std::size_t i = 0; i < kPer_start + kMore; ++i) {
    books.accounts.push_back({"loss " + std::to_string(i), 1});
  }
  (void)test::check_books(directory / "store", books);
}
