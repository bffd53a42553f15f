// Promise: a dead journal that is given another store, or its own after that was emptied, brings
// there all that it still has; what neither has is told, and no end says more than is there.
#include <signal.h>

#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "journal/meta.hpp"
#include "recover/relocation.hpp"
#include "runlog/recover.hpp"
#include "runlog/runlog.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using test::packs_below;
using test::read;
using Verdict = runlog::RecoverOutcome::Verdict;

namespace {

constexpr std::int64_t kSteps = 3'000;

// A run with several packs and an artifact, shipped to the store "old".
struct Shipped {
  explicit Shipped(bool keep_shipped = true, std::int64_t rank = 0) { log_run(keep_shipped, rank); }

  void log_run(bool keep_shipped, std::int64_t rank) {
    auto run = runlog::start_logging({.root = directory / "runs",
                                      .run_id = "job",
                                      .rank = rank,
                                      .store = old().native(),
                                      .segment_bytes = 64u << 10,
                                      .keep_shipped = keep_shipped});
    REQUIRE(run);
    journal = run->journal_path();
    const std::string file = "file" + std::to_string(rank);
    std::ofstream(directory / file) << "the content of " << file;
    REQUIRE(run->upload_file("output", directory / file));
    for (std::int64_t step = 0; step < kSteps; ++step) {
      run->log("loss", 1.0, step);
      if (step % 1000 == 999) REQUIRE(run->wait_until(runlog::Shipped, 60s) == runlog::Wait::Done);
    }
    run->complete();
    REQUIRE(packs_below(old()).size() >= 3);
  }
  [[nodiscard]] fs::path old() const { return directory / "old"; }
  [[nodiscard]] fs::path other() const { return directory / "new"; }
  void empty_old() const {
    fs::remove_all(old());
    fs::create_directory(old());
  }
  [[nodiscard]] std::vector<runlog::RecoverOutcome> recover_all(
      const runlog::RecoverOptions& how) const {
    auto outcomes = runlog::recover(directory / "runs", how);
    REQUIRE(outcomes);
    return *outcomes;
  }
  [[nodiscard]] runlog::RecoverOutcome recover(const runlog::RecoverOptions& how) const {
    const auto outcomes = recover_all(how);
    REQUIRE(outcomes.size() == 1);
    return outcomes.front();
  }
  [[nodiscard]] runlog::RecoverOutcome bring_to_new() const {
    return recover({.store = other().native()});
  }

  test::TemporaryDirectory directory;
  fs::path journal;
};

std::size_t count(const fs::path& store, const std::string& suffix) {
  std::size_t found = 0;
  if (!fs::exists(store)) return 0;
  for (const auto& entry : fs::recursive_directory_iterator(store)) {
    found += entry.is_regular_file() && entry.path().native().ends_with(suffix);
  }
  return found;
}

void check_whole(const fs::path& store) {
  const auto contents = read(store);
  CHECK(contents.steps("loss") == test::counting(kSteps));
  CHECK(contents.is_free_of_duplicates());
  CHECK(contents.lost() == 0);
  CHECK(count(store, ".end.json") == 1);
  CHECK(count(store / "project=default/run_id=job/_runlog/blobs", "") == 1);
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void check_waits(const runlog::RecoverOutcome& outcome, const Shipped& job) {
  CHECK(outcome.verdict == Verdict::waiting);
  CHECK(holds(outcome.message, job.other().native() + " lacks "));
  CHECK(holds(outcome.message, job.old().native()));
  CHECK(count(job.other(), ".end.json") == 0);
}

// What a person does who still has the old store.
void copy_packs(const fs::path& from, const fs::path& to) {
  fs::copy(from, to, fs::copy_options::recursive | fs::copy_options::skip_existing);
  for (const auto& entry : fs::recursive_directory_iterator(to)) {
    if (entry.path().native().ends_with(".end.json")) fs::remove(entry.path());
  }
}

}  // namespace

TEST_CASE("recover brings to another store what the old one had, from the copies kept here") {
  const Shipped job;
  job.empty_old();
  const auto outcome = job.bring_to_new();
  CHECK(outcome.verdict == Verdict::shipped);
  CHECK(outcome.packs_shipped >= 3);
  check_whole(job.other());
  // Once: from then on that is its store, whoever asks.
  CHECK(job.bring_to_new().packs_shipped == 0);
  const auto plain = job.recover({});
  CHECK(plain.verdict == Verdict::shipped);
  CHECK(plain.packs_shipped == 0);
  CHECK(plain.journal.store_url == job.other().native());
  CHECK(packs_below(job.old()).empty());
}

TEST_CASE("recover brings everything to a store that was emptied, when it is told to") {
  const Shipped job;
  job.empty_old();
  CHECK(job.recover({}).packs_shipped == 0);
  CHECK(job.recover({.again = true}).verdict == Verdict::shipped);
  check_whole(job.old());
  // And again to one that has all: nothing changes there.
  CHECK(job.recover({.again = true}).verdict == Verdict::shipped);
  check_whole(job.old());
}

TEST_CASE("a journal goes to another store and back, and each has all of it") {
  const Shipped job;
  CHECK(job.bring_to_new().verdict == Verdict::shipped);
  check_whole(job.other());
  CHECK(job.recover({.store = job.old().native()}).verdict == Verdict::shipped);
  check_whole(job.old());
}

TEST_CASE("a store that took nothing, mistyped maybe, does not stay the journal's") {
  const Shipped job;
  std::ofstream(job.other()) << "a file where the store should be\n";
  CHECK(job.bring_to_new().verdict == Verdict::waiting);
  CHECK(job.recover({}).verdict == Verdict::shipped);
  check_whole(job.old());
}

TEST_CASE("what was shipped and not kept is told, and the end waits until the new store has it") {
  const Shipped job(false);
  for (int call = 0; call < 2; ++call) {
    const auto outcome = job.bring_to_new();
    check_waits(outcome, job);
    CHECK(holds(outcome.message, "lacks all records"));
  }
  copy_packs(job.old(), job.other());
  CHECK(job.bring_to_new().verdict == Verdict::shipped);
  check_whole(job.other());
}

TEST_CASE("a kept copy that had to make room is told by its number") {
  const Shipped job;
  const auto first = packs_below(job.journal / "shipped").front();
  fs::remove(first);
  const auto outcome = job.bring_to_new();
  check_waits(outcome, job);
  CHECK(holds(outcome.message, first.filename().native()));
  CHECK(holds(outcome.message, "lacks at least "));
  CHECK(outcome.damage.empty());
  CHECK(packs_below(job.other()).size() == packs_below(job.old()).size() - 1);
  copy_packs(job.old(), job.other());
  CHECK(job.recover({}).verdict == Verdict::shipped);
  check_whole(job.other());
}

TEST_CASE("an artifact that was not kept is told, each time") {
  const Shipped job;
  std::string blob;
  for (const auto& entry : fs::directory_iterator(job.journal / "shipped")) {
    if (entry.path().filename().native().size() == 64) blob = entry.path().filename();
  }
  REQUIRE(!blob.empty());
  fs::remove(job.journal / "shipped" / blob);
  for (int call = 0; call < 2; ++call) {
    const auto outcome = job.bring_to_new();
    check_waits(outcome, job);
    CHECK(holds(outcome.message, blob));
  }
  copy_packs(job.old(), job.other());
  CHECK(job.recover({}).verdict == Verdict::shipped);
  check_whole(job.other());
}

TEST_CASE("copies that were cleaned are no reason to wait where the store has them") {
  const Shipped job;
  for (const auto& pack : packs_below(job.journal / "shipped")) fs::remove(pack);
  CHECK(job.recover({.again = true}).verdict == Verdict::shipped);
  check_whole(job.old());
}

TEST_CASE("a rank that lacks something keeps no other one from going") {
  Shipped job;
  job.log_run(false, 1);
  const auto outcomes = job.recover_all({.store = job.other().native()});
  REQUIRE(outcomes.size() == 2);
  for (const auto& outcome : outcomes) {
    CHECK(outcome.verdict == (outcome.journal.rank == 0 ? Verdict::shipped : Verdict::waiting));
  }
  CHECK(count(job.other(), ".end.json") == 1);
}

TEST_CASE("a dry run moves nothing") {
  const Shipped job;
  const auto outcome = job.recover({.store = job.other().native(), .dry_run = true});
  CHECK(outcome.verdict == Verdict::waiting);
  CHECK(fs::exists(job.journal / "shipped" / "end.json"));
  CHECK_FALSE(fs::exists(job.journal / "moved.json"));
  CHECK_FALSE(fs::exists(job.other()));
}

TEST_CASE("a store is the same whatever its secrets, and a directory however it is written") {
  using runlog::is_same_store;
  CHECK(is_same_store("s3://k:secret@b/p", "s3://b/p/"));
  CHECK_FALSE(is_same_store("s3://b/p", "s3://b/q"));
  CHECK_FALSE(is_same_store("s3://b/p", "s3://b/p?endpoint=http://127.0.0.1:1"));
  CHECK(is_same_store("store", (fs::current_path() / "x/../store/").native()));
  CHECK(is_same_store("/a/b", "file:///a/b"));
  CHECK_FALSE(is_same_store("/a/b", ""));
}

TEST_CASE("moved.json says where to, where from, and nothing secret") {
  const runlog::Moved moved{.store_url = "s3://b/p", .from_store_url = "/old", .may_lack = true};
  const auto back = runlog::parse_moved(to_json(moved), "moved.json");
  REQUIRE(back);
  CHECK(back->store_url == moved.store_url);
  CHECK(back->from_store_url == moved.from_store_url);
  CHECK(back->may_lack);
  CHECK_FALSE(runlog::parse_moved("no JSON", "moved.json"));
}

#if defined(RUNLOG_CRASH_POINTS)

TEST_CASE("a move that is killed half-way is finished by the next recovery") {
  for (const std::string point : {"in_move_back:1", "in_move_back:2", "in_move_back:3", "in_put:1",
                                  "in_put:3", "after_put:2", "after_ship:2"}) {
    INFO("killed at " << point);
    const Shipped job;
    job.empty_old();
    const std::vector<std::string> command = {test::tool("runlog-recover"), "-q", "--store",
                                              job.other(), job.directory / "runs"};
    CHECK(test::run_command(command, {{"RUNLOG_CRASH_AT", point}}).first.signal == SIGKILL);
    CHECK(test::run_command(command).first.code == 0);
    check_whole(job.other());
  }
}

TEST_CASE("a move that has begun goes on where it was going, whoever asks") {
  const Shipped job;
  job.empty_old();
  CHECK(test::run_command(
            {test::tool("runlog-recover"), "-q", "--store", job.other(), job.directory / "runs"},
            {{"RUNLOG_CRASH_AT", "after_ship:2"}})
            .first.signal == SIGKILL);
  CHECK(job.recover({}).verdict == Verdict::shipped);
  check_whole(job.other());
  CHECK(packs_below(job.old()).empty());
}

#endif

TEST_CASE("what nobody has is counted as lost when somebody says so, once, and the journal ends") {
  const Shipped job;
  fs::remove(packs_below(job.journal / "shipped").front());
  check_waits(job.bring_to_new(), job);
  const auto outcome = job.recover({.accepts_missing = true});
  CHECK(outcome.verdict == Verdict::shipped);
  CHECK(outcome.records_damaged > 0);
  CHECK(count(job.other(), ".end.json") == 1);
  // Of the pack that is gone the lanes tell, and the end does not tell more.
  const auto contents = read(job.other());
  CHECK(contents.steps("loss").size() < static_cast<std::size_t>(kSteps));
  CHECK(contents.lost() == outcome.records_damaged);
  const auto again = job.recover({.accepts_missing = true});
  CHECK(again.verdict == Verdict::shipped);
  CHECK(again.records_damaged == 0);
}

TEST_CASE("a journal of which the power left nothing goes to a new store when somebody says so") {
  const test::TemporaryDirectory directory;
  const auto [exit, output] =
      test::run_command({test::victim("writer"), "everything", directory / "runs", "kill"},
                        {{"RUNLOG_STORE", directory / "old"}});
  REQUIRE(exit.signal == SIGKILL);
  for (const auto& entry : fs::recursive_directory_iterator(directory / "runs")) {
    if (entry.path().extension() == ".seg") fs::resize_file(entry.path(), 0);
    if (entry.path().extension() == ".seg") fs::resize_file(entry.path(), 64u << 10);
  }
  const auto recover = [&](bool accepts) {
    auto outcomes = runlog::recover(
        directory / "runs", {.store = (directory / "new").native(), .accepts_missing = accepts});
    REQUIRE(outcomes);
    return outcomes->at(0);
  };
  const auto waits = recover(false);
  CHECK(waits.verdict == Verdict::waiting);
  CHECK(holds(waits.message, "lost with the machine's power"));
  const auto outcome = recover(true);
  CHECK(outcome.verdict == Verdict::shipped);
  CHECK(outcome.records_damaged == 1);  // at least
  CHECK(read(directory / "new").journals.at(0).state == runlog::JournalState::crashed);
}

TEST_CASE("a loss that was told of before does not hide what a new store lacks") {
  const Shipped job(false);
  const fs::path end = job.journal / "shipped" / "end.json";
  std::ostringstream text;
  text << std::ifstream(end).rdbuf();
  const auto told =
      std::regex_replace(text.str(), std::regex("\"records_lost\":0"), "\"records_lost\":1");
  REQUIRE(told != text.str());
  std::ofstream(end) << told;
  const auto outcome = job.bring_to_new();
  check_waits(outcome, job);
  CHECK(holds(outcome.message, "lacks all records"));
}

TEST_CASE("a moved.json that cannot be used sends nothing anywhere") {
  for (const std::string content : {"", "{}", "{\"version\":1,\"sto"}) {
    INFO(content);
    const Shipped job;
    job.empty_old();
    REQUIRE(job.bring_to_new().verdict == Verdict::shipped);
    fs::rename(packs_below(job.journal / "shipped").front(),
               job.journal / "packs/00000000.parquet");
    std::ofstream(job.journal / "moved.json") << content;
    const auto outcome = job.recover({});
    CHECK(outcome.verdict == Verdict::waiting);
    CHECK(holds(outcome.message, "moved.json"));
    CHECK(packs_below(job.old()).empty());
  }
}

TEST_CASE("an artifact that lies here and among the kept copies goes to a new store") {
  const Shipped job;
  job.empty_old();
  for (const auto& entry : fs::directory_iterator(job.journal / "shipped")) {
    const auto name = entry.path().filename();
    if (name.native().size() == 64) fs::copy_file(entry.path(), job.journal / "blobs" / name);
  }
  CHECK(job.bring_to_new().verdict == Verdict::shipped);
  check_whole(job.other());
}

TEST_CASE("a folder of a journal that cannot be listed is not taken for an empty one") {
  for (const char* const folder : {"packs", "blobs", "shipped"}) {
    INFO(folder);
    const Shipped job;
    job.empty_old();
    fs::rename(job.journal / folder, job.journal / "away");
    std::ofstream(job.journal / folder) << "no folder";
    const auto outcome = job.bring_to_new();
    CHECK(outcome.verdict != Verdict::shipped);
    CHECK(holds(outcome.message, folder));
    CHECK(count(job.other(), ".end.json") == 0);
    fs::remove(job.journal / folder);
    fs::rename(job.journal / "away", job.journal / folder);
    CHECK(job.bring_to_new().verdict == Verdict::shipped);
    check_whole(job.other());
  }
}
