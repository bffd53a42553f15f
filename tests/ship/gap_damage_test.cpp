// Promise: what a gap record told of is told though that record is damaged: by the tally of its
// process, or by its pack's footer; and where neither knows, what is lost is a lower bound.
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "pack/pack.hpp"
#include "platform/mapped_file.hpp"
#include "runlog/recover.hpp"
#include "runlog/runlog.hpp"
#include "support/acknowledged.hpp"
#include "support/books.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

using test::packs_below;
using test::read;

constexpr int kLost = 3;  // exit status: records are missing
const std::string kReason = "the disk budget is used up";

bool contains(const fs::path& path, const std::string& text) {
  std::ifstream in(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  return bytes.find(text) != std::string::npos;
}

// Flips a byte at the first `text` in the file. False: it is not there.
bool flip_at(const fs::path& path, const std::string& text) {
  std::ifstream in(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  const std::size_t at = bytes.find(text);
  if (at == std::string::npos) return false;
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(static_cast<char>(bytes[at] ^ 1));
  return true;
}

// A job that was killed while it dropped calls for want of room, with gap records in its segments.
struct Killed {
  explicit Killed(const std::string& store_url) {
    std::vector<std::pair<std::string, std::string>> environment = {
        {"RUNLOG_SEGMENT_BYTES", "65536"},
        {"RUNLOG_PACK_BYTES", "65536"},
        {"RUNLOG_DISK_BUDGET", "524288"},
        {"RUNLOG_KEEP_SHIPPED", "false"},
        {"RUNLOG_SHIP_INTERVAL", "100ms"}};
    if (!store_url.empty()) environment.emplace_back("RUNLOG_STORE", store_url);
    test::Process victim({test::victim("killable"), root(), scratch / "acknowledged", "4", "tight",
                          "plain", "4000000000"},
                         environment);
    const auto has_shipped = [&] { return store_url.empty() || a_pack_has_left(store_url); };
    while ((acknowledged->total() < 700'000 || !has_shipped()) && victim.is_running()) {
      std::this_thread::yield();
    }
    victim.kill(SIGKILL);
    CHECK(victim.wait().signal == SIGKILL);
    for (const auto& entry : fs::recursive_directory_iterator(root())) {
      if (entry.path().extension() == ".seg") segments.push_back(entry.path());
    }
  }
  [[nodiscard]] fs::path root() const { return scratch / "runs"; }
  // A pack in the store may be here as well, until it is removed: then nothing is in doubt.
  [[nodiscard]] bool a_pack_has_left(const fs::path& store) const {
    std::error_code none;
    const fs::recursive_directory_iterator files(store, none);
    for (const auto& entry : files) {
      if (entry.path().extension() != ".parquet") continue;
      const std::string name = entry.path().filename();
      const auto here = packs_below(root());
      const bool is_here = std::any_of(here.begin(), here.end(), [&](const fs::path& pack) {
        return name.ends_with("-" + pack.filename().native());
      });
      if (!is_here) return true;
    }
    return false;
  }
  // False: all that it told is in packs already.
  [[nodiscard]] bool damage_a_gap() const {
    return std::any_of(segments.begin(), segments.end(), [&](const fs::path& segment) {
      return flip_at(segment, kReason) && read(root()).lost() != 0;
    });
  }

  test::TemporaryDirectory scratch;
  test::Acknowledged* acknowledged = test::map_acknowledged(scratch / "acknowledged");
  std::vector<fs::path> segments;
};

// False: that record was in a pack before its segment could be damaged.
bool check_truncated_gap() {
  const test::TemporaryDirectory directory;
  const fs::path store = directory / "store";
  auto run = runlog::start_logging({.root = directory / "runs",
                                    .store = store.native(),
                                    .ship_interval = 1h,
                                    .pack_bytes = 1u << 30,
                                    .segment_bytes = 64u << 10,
                                    .disk_budget = 512u << 10,
                                    .on_error = [](const runlog::Error&) {}});
  REQUIRE(run);
  std::uint64_t calls = 0;
  const auto log = [&](int count) {
    for (int i = 0; i < count; ++i, ++calls) run->log("loss", 1.0, static_cast<int>(calls));
  };
  while (run->stats().dropped == 0) log(1000);
  // Room comes with a pack, and the first record behind that tells.
  const auto find_gap = [&] {
    for (const auto& entry : fs::directory_iterator(run->journal_path() / "lanes")) {
      if (contains(entry.path(), kReason)) return entry.path();
    }
    return fs::path();
  };
  fs::path segment;
  for (int attempt = 0; attempt < 1000 && segment.empty(); ++attempt) {
    log(1);
    (void)run->wait_until(runlog::Durable, 10s);
    segment = find_gap();
  }
  REQUIRE(!segment.empty());
  std::error_code gone;
  fs::resize_file(segment, 0, gone);
  log(1000);
  run->complete();
  const auto contents = read(store);
  if (gone || contents.dropped() == run->stats().dropped) return false;
  // No pack there tells what that record told.
  CHECK(contents.dropped() < run->stats().dropped);
  REQUIRE(!contents.damage.empty());
  for (const auto& one : contents.damage) CHECK_FALSE(one.exact);
  CHECK(test::problem_with_verify(contents, store) == "");
  return true;
}

}  // namespace

TEST_CASE("a gap record in a segment that was truncated under the job makes it a lower bound") {
  bool is_checked = false;
  for (int attempts = 0; attempts < 5 && !is_checked; ++attempts)
    is_checked = check_truncated_gap();
  CHECK(is_checked);
}

TEST_CASE("what a damaged gap record of a killed job told, its tally tells, once") {
  const Killed killed("");
  const std::uint64_t dropped = read(killed.root()).dropped();
  REQUIRE(dropped > 0);
  if (!killed.damage_a_gap()) return;
  const auto before = read(killed.root());
  CHECK(before.lost() == 1);
  CHECK(before.dropped() == dropped);
  for (const int status : {kLost, 0}) {
    CHECK(test::run_command({test::tool("runlog-recover"), killed.root(), "-q"}).first.code ==
          status);
    const auto after = read(killed.root());
    CHECK(after.lost() == 1);
    CHECK(after.dropped() == dropped);
  }
}

TEST_CASE("where packs have left, a damaged gap record makes what is lost a lower bound") {
  const test::TemporaryDirectory store;
  const Killed killed(store.path());
  if (!killed.damage_a_gap()) return;
  const auto is_at_least = [](const test::Contents& contents) {
    return !contents.damage.empty() &&
           std::any_of(contents.damage.begin(), contents.damage.end(),
                       [](const runlog::Damage& one) { return !one.exact; });
  };
  CHECK(is_at_least(read(killed.root())));
  CHECK(test::run_command({test::tool("runlog-recover"), killed.root(), "-q"}).first.code == kLost);
  CHECK(is_at_least(read(store.path())));
}

TEST_CASE("what the damaged rows of a waiting pack told of drops, its footer tells") {
  const test::TemporaryDirectory directory;
  const fs::path root = directory / "runs";
  const fs::path store = directory / "store";
  std::uint64_t calls = 0;
  std::uint64_t dropped = 0;
  fs::path journal;
  {
    auto run = runlog::start_logging({.root = root,
                                      .pack_bytes = 64u << 10,
                                      .segment_bytes = 64u << 10,
                                      .disk_budget = 512u << 10,
                                      .on_error = [](const runlog::Error&) {}});
    REQUIRE(run);
    journal = run->journal_path();
    for (; run->stats().dropped == 0 || calls % 1000 != 0; ++calls) {
      run->log("loss", static_cast<double>(calls), static_cast<std::int64_t>(calls));
    }
    run->complete();
    dropped = run->stats().dropped;
  }
  fs::path damaged;
  std::uint64_t rows_at = 0;
  for (const auto& pack : packs_below(journal)) {
    const auto reader = runlog::format::PackReader::open_file(pack);
    REQUIRE(reader);
    if (reader->info().records_dropped == 0) continue;
    damaged = pack;
    const auto& group = reader->row_groups().front();
    rows_at = (group.begin + group.end) / 2;
  }
  REQUIRE(!damaged.empty());
  const auto whole = read(root);
  REQUIRE(whole.dropped() == dropped);
  {
    std::fstream file(damaged, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(rows_at));
    file.write("\xff\xfe\xfd", 3);
  }
  const auto check = [&](const fs::path& place) {
    INFO(place);
    const auto contents = read(place);
    CHECK(contents.lost() > 0);
    CHECK(contents.dropped() == dropped);
    CHECK(contents.rows.size() + contents.lost() == whole.rows.size());
    CHECK(contents.is_free_of_duplicates());
    CHECK(test::problem_with_verify(contents, place) == "");
  };
  check(root);
  const auto outcomes = runlog::recover(root, {.store = store.native()});
  REQUIRE(outcomes);
  CHECK(outcomes->front().verdict == runlog::RecoverOutcome::Verdict::shipped);
  CHECK(outcomes->front().records_dropped == dropped);
  check(store);
  check(root);
}
