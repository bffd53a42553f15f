// Promise: a pack that somebody removed before it was shipped is told: by the job that lives, or by
// recovery, also where the packs beside it were shipped and not kept.
#include <sys/stat.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "journal/meta.hpp"
#include "platform/file_system.hpp"
#include "runlog/recover.hpp"
#include "runlog/runlog.hpp"
#include "support/books.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

using test::packs_below;
using test::read;

// A job in this process, whose store can be taken away.
struct Job {
  explicit Job(bool keeps = true) {
    runlog::Options options;
    options.root = directory / "runs";
    options.run_id = "job";
    options.store = store().native();
    options.keep_shipped = keeps;
    options.finish_deadline = 2s;
    options.ship_interval = 1h;
    options.on_error = [](const runlog::Error&) {};
    auto started = runlog::start_logging(std::move(options));
    REQUIRE(started);
    run = *started;
  }
  [[nodiscard]] fs::path store() const { return directory / "store"; }
  void take_store_away() const {
    fs::rename(store(), directory / "aside");
    std::ofstream(store()) << "a file where the store should be";
  }
  void bring_store_back() const {
    fs::remove(store());
    fs::rename(directory / "aside", store());
  }
  // One more pack, of 100 records and those that come of themselves.
  void make_pack() {
    const auto count = run.stats().packs_made;
    for (int i = 0; i < 100; ++i, ++calls) run.log("loss", 1.0, calls);
    while (run.stats().packs_made == count) (void)run.wait_until(runlog::Shipped, 10ms);
  }
  // The first pack is in the store, which goes away, and so many more wait for it.
  void leave_waiting(int packs) {
    make_pack();
    CHECK(run.wait_until(runlog::Shipped, 60s) == runlog::Wait::Done);
    take_store_away();
    for (int i = 0; i < packs; ++i) make_pack();
  }
  [[nodiscard]] fs::path waiting(std::size_t index) const {
    return packs_below(run.journal_path() / "packs").at(index);
  }
  [[nodiscard]] runlog::RecoverOutcome recover() const {
    const auto outcomes = runlog::recover(directory / "runs", {});
    REQUIRE(outcomes);
    REQUIRE(outcomes->size() == 1);
    return outcomes->front();
  }
  [[nodiscard]] std::uint64_t lost_by_end() const {
    const auto path = run.journal_path() / "shipped" / "end.json";
    const auto json = runlog::read_file(path, runlog::kMeta_bytes_max);
    REQUIRE(json);
    return runlog::parse_end(*json, path.native()).value().records_lost;
  }

  test::TemporaryDirectory directory;
  runlog::Run run;
  std::int64_t calls = 0;
};

}  // namespace

TEST_CASE("a live job tells of a waiting pack that was removed, and its end does") {
  Job job;
  job.leave_waiting(2);
  const fs::path gone = job.waiting(0);
  const std::size_t records = read(gone).rows.size();
  fs::remove(gone);
  job.bring_store_back();
  CHECK(job.run.wait_until(runlog::Shipped, 60s) == runlog::Wait::Failed);
  CHECK_FALSE(job.run.stats().last_error.empty());  // of another trouble, if that came later
  CHECK(job.run.stats().records_lost == records);
  CHECK(job.run.stats().packs_waiting == 0);
  job.run.complete();
  CHECK(job.lost_by_end() == records);
  const auto stored = read(job.store());
  CHECK(stored.lost() == records);
  CHECK(test::problem_with_verify(stored, job.store()) == "");
  CHECK(job.recover().damage.empty());  // there is nothing left to tell
}

TEST_CASE("a live job tells of the waiting packs of a journal that was removed under it") {
  Job job;
  job.leave_waiting(2);
  const std::size_t records = read(job.waiting(0)).rows.size() + read(job.waiting(1)).rows.size();
  std::error_code failed;
  do {  // the job may be making it anew
    fs::remove_all(job.run.journal_path(), failed);
  } while (failed);
  job.make_pack();
  job.bring_store_back();
  CHECK(job.run.wait_until(runlog::Shipped, 60s) == runlog::Wait::Failed);
  CHECK(job.run.stats().records_lost == records);
  job.run.complete();
  CHECK(job.lost_by_end() == records);
  const auto stored = read(job.store());
  CHECK(stored.lost() == records);
  CHECK(test::problem_with_verify(stored, job.store()) == "");
}

TEST_CASE("recovery misses a waiting pack though those before it were not kept") {
  const std::size_t which = GENERATE(0u, 1u, 2u);  // the last one has the run's end
  INFO(which);
  Job job(false);
  job.leave_waiting(2);
  REQUIRE(packs_below(job.run.journal_path() / "shipped").empty());
  job.run.complete();
  const fs::path gone = job.waiting(which);
  const std::size_t records = read(gone).rows.size();
  fs::remove(gone);
  job.bring_store_back();
  const auto outcome = job.recover();
  CHECK(outcome.verdict == runlog::RecoverOutcome::Verdict::shipped);
  REQUIRE(outcome.damage.size() == 1);
  // Behind the last one there is no hole.
  CHECK(outcome.damage[0].exact == (which < 2));
  CHECK(outcome.records_damaged == (which < 2 ? records : 1));
  CHECK(job.lost_by_end() == outcome.records_damaged);
  CHECK(read(job.store()).lost() >= outcome.records_damaged);
  CHECK(job.recover().damage.empty());
}

TEST_CASE("a job whose waiting pack became a link does not send what the link shows") {
  // A try to send it that had opened it before may come to its end with what it was: then again.
  for (int tries = 0;; ++tries) {
    REQUIRE(tries < 20);
    Job job;
    job.leave_waiting(1);
    const fs::path pack = job.waiting(0);
    const std::size_t records = read(pack).rows.size();
    fs::rename(pack, job.directory / "elsewhere");
    fs::create_symlink(job.directory / "elsewhere", pack);
    job.bring_store_back();
    if (job.run.wait_until(runlog::Shipped, 60s) == runlog::Wait::Done) continue;
    job.run.complete();
    CHECK(packs_below(job.store()).size() < job.run.stats().packs_made);
    const auto outcome = job.recover();
    CHECK(outcome.verdict == runlog::RecoverOutcome::Verdict::shipped);
    CHECK(outcome.records_damaged == records);
    CHECK(read(job.store()).lost() == records);
    return;
  }
}
