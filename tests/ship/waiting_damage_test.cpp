// Promise: what waits for its store and is damaged, empty or gone is told, and never shipped for
// whole; what can be read of it is shipped.
#include <signal.h>
#include <sys/stat.h>

#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <thread>

#include "journal/blobs.hpp"
#include "journal/meta.hpp"
#include "platform/file_system.hpp"
#include "runlog/recover.hpp"
#include "runlog/runlog.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"
#include "support/waiting_journal.hpp"

namespace fs = std::filesystem;

namespace {

using test::is_named;
using test::kDamages;
using test::kept_in_torn;
using test::packs_below;
using test::read;
using test::Waiting;

}  // namespace

TEST_CASE("a waiting pack that is damaged or gone is told, with the number of its records") {
  for (const auto& [how, damage] : kDamages) {
    INFO(how);
    const Waiting waiting;
    damage(waiting.packs[1]);
    const auto outcome = waiting.recover();
    CHECK(outcome.verdict == runlog::RecoverOutcome::Verdict::shipped);
    const auto stored = read(waiting.store());
    CHECK(stored.rows.size() < waiting.rows);
    CHECK(stored.rows.size() + stored.lost() == waiting.rows);
    CHECK(stored.is_free_of_duplicates());
    CHECK(outcome.records_damaged == stored.lost());
    CHECK(waiting.lost_by_end() == stored.lost());
    CHECK(kept_in_torn(waiting.journal) == (how == "removed" ? 0 : 1));
    // Told here as well, and once: the next call finds nothing to do.
    CHECK(read(waiting.journal).lost() == stored.lost());
    const auto again = waiting.recover();
    CHECK(again.damage.empty());
    CHECK(again.packs_shipped == 0);
  }
}

TEST_CASE(
    "the last waiting pack, which no later one shows a hole for, is told by the store's end") {
  for (const auto& [how, damage] : kDamages) {
    if (how == "removed") continue;
    INFO(how);
    const Waiting waiting;
    damage(waiting.packs.back());
    const auto outcome = waiting.recover();
    CHECK(outcome.records_damaged > 0);
    CHECK(waiting.lost_by_end() == outcome.records_damaged);
    CHECK(read(waiting.store()).lost() >= outcome.records_damaged);
  }
}

TEST_CASE("packs side by side that cannot be read are counted together, and none too many") {
  const Waiting waiting;
  REQUIRE(waiting.packs.size() > 5);
  for (const std::size_t i : {1u, 2u, 3u}) fs::resize_file(waiting.packs[i], 0);
  const auto before = read(waiting.journal);
  CHECK(before.rows.size() + before.lost() == waiting.rows);
  const auto outcome = waiting.recover();
  for (const std::size_t i : {1u, 2u, 3u}) CHECK(is_named(outcome, waiting.packs[i]));
  const auto stored = read(waiting.store());
  CHECK(stored.rows.size() + outcome.records_damaged == waiting.rows);
  CHECK(stored.rows.size() + stored.lost() == waiting.rows);
}

TEST_CASE("a pack whose footer has no checksum is damaged, and not read as it is") {
  const Waiting waiting;
  std::ifstream in(waiting.packs[1], std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  const auto at = bytes.rfind("runlog.footer_crc32");
  REQUIRE(at != std::string::npos);
  bytes.replace(at, 6, "runlag");
  std::ofstream(waiting.packs[1], std::ios::binary | std::ios::trunc) << bytes;
  CHECK(test::run_command({test::tool("runlog"), "verify", waiting.packs[1]}).first.code == 3);
  CHECK(test::run_command({test::tool("runlog-recover"), "-q", waiting.directory / "runs",
                           "--store", waiting.store()})
            .first.code == 3);
  const auto stored = read(waiting.store());
  CHECK(stored.rows.size() < waiting.rows);
  CHECK(stored.rows.size() + stored.lost() == waiting.rows);
}

TEST_CASE("a journal without its folder of shipped files is shipped all the same") {
  const Waiting waiting;
  fs::remove_all(waiting.journal / "shipped");
  const auto outcome = waiting.recover();
  CHECK(outcome.verdict == runlog::RecoverOutcome::Verdict::shipped);
  CHECK(outcome.damage.empty());
  CHECK(read(waiting.store()).rows.size() == waiting.rows);
}

TEST_CASE("a pack that was damaged after it had arrived costs nothing") {
  for (const auto& [how, damage] : kDamages) {
    INFO(how);
    const Waiting waiting;
    fs::copy(waiting.journal, waiting.directory / "copy", fs::copy_options::recursive);
    REQUIRE(waiting.recover().damage.empty());
    fs::remove_all(waiting.journal);
    fs::rename(waiting.directory / "copy", waiting.journal);
    damage(waiting.packs[1]);
    const auto outcome = waiting.recover();
    CHECK(outcome.verdict == runlog::RecoverOutcome::Verdict::shipped);
    CHECK(outcome.damage.empty());
    const auto stored = read(waiting.store());
    CHECK(stored.rows.size() == waiting.rows);
    CHECK(stored.damage.empty());
  }
}

TEST_CASE("packs that were shipped and cleaned are no loss to those that still wait") {
  const Waiting waiting;
  REQUIRE(waiting.recover().damage.empty());
  const auto shipped = waiting.journal / "shipped";
  fs::rename(shipped / "end.json", waiting.journal / "end.json");
  fs::rename(shipped / waiting.packs.back().filename(), waiting.packs.back());
  for (const auto& pack : packs_below(shipped)) fs::remove(pack);
  const auto outcome = waiting.recover();
  CHECK(outcome.verdict == runlog::RecoverOutcome::Verdict::shipped);
  CHECK(outcome.damage.empty());
  CHECK(waiting.lost_by_end() == 0);
}

TEST_CASE("a waiting artifact that is damaged or gone is named, and not shipped for what it was") {
  for (const auto& [how, damage] : kDamages) {
    INFO(how);
    const Waiting waiting;
    damage(waiting.blob);
    const auto outcome = waiting.recover();
    CHECK(outcome.verdict == runlog::RecoverOutcome::Verdict::shipped);
    CHECK(is_named(outcome, waiting.blob));
    CHECK(outcome.records_damaged == 0);
    for (const auto& entry : fs::recursive_directory_iterator(waiting.store())) {
      CHECK(entry.path().filename() != waiting.blob.filename());
    }
    CHECK(read(waiting.store()).rows.size() == waiting.rows);
    CHECK(kept_in_torn(waiting.journal) == (how == "removed" ? 0 : 1));
  }
}

TEST_CASE("an end.json that lost its content is written again") {
  const Waiting waiting;
  fs::resize_file(waiting.journal / "end.json", 0);
  CHECK(waiting.recover().verdict == runlog::RecoverOutcome::Verdict::shipped);
  CHECK(read(waiting.store()).journals.at(0).state == runlog::JournalState::complete);
}

#if defined(RUNLOG_CRASH_POINTS)
TEST_CASE("recover killed while it mends a pack: the next one ships what can be read, once") {
  const Waiting waiting;
  kDamages.at("flipped")(waiting.packs[1]);
  const std::vector<std::string> command = {test::tool("runlog-recover"), "-q", "--store",
                                            waiting.store(), waiting.directory / "runs"};
  CHECK(test::run_command(command, {{"RUNLOG_CRASH_AT", "in_mend"}}).first.signal == SIGKILL);
  CHECK(test::run_command(command).first.code == 3);
  const auto stored = read(waiting.store());
  CHECK(stored.rows.size() + stored.lost() == waiting.rows);
  CHECK(stored.is_free_of_duplicates());
  CHECK(waiting.lost_by_end() == stored.lost());
}
#endif

TEST_CASE("a pack that is gone is told where others may make room, too") {
  const Waiting waiting(runlog::Overflow::drop_oldest_packed);
  fs::remove(waiting.packs[1]);
  const auto outcome = waiting.recover();
  CHECK(outcome.verdict == runlog::RecoverOutcome::Verdict::shipped);
  const auto stored = read(waiting.store());
  CHECK(stored.rows.size() < waiting.rows);
  CHECK(stored.rows.size() + outcome.records_damaged == waiting.rows);
  CHECK(waiting.lost_by_end() == outcome.records_damaged);
}

TEST_CASE("a pack that is gone is told beside those that made room") {
  const test::TemporaryDirectory directory;
  auto run = runlog::start_logging({.root = directory / "runs",
                                    .run_id = "job",
                                    .pack_bytes = 64u << 10,
                                    .segment_bytes = 64u << 10,
                                    .disk_budget = 1u << 20,
                                    .overflow = runlog::Overflow::drop_oldest_packed,
                                    .on_error = [](const runlog::Error&) {}});
  REQUIRE(run);
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> values;
  std::uint64_t calls = 0;
  // Evictions, and calls that found no room: as they come.
  for (; run->stats().dropped == 0 || calls < 100'000; ++calls) {
    run->log("loss", values(random), static_cast<std::int64_t>(calls));
  }
  run->complete();
  const auto packs = packs_below(run->journal_path() / "packs");
  REQUIRE(packs.size() > 3);
  const bool is_gone = GENERATE(false, true);
  INFO(is_gone);
  const auto whole = read(directory / "runs");
  if (is_gone) fs::remove(packs[packs.size() / 2]);
  const auto outcomes =
      runlog::recover(directory / "runs", {.store = (directory / "store").native()});
  REQUIRE(outcomes);
  const auto lost = outcomes->front().records_damaged;
  const auto stored = read(directory / "store");
  CHECK((lost > 0) == is_gone);
  CHECK(stored.rows.size() + lost <= whole.rows.size());
}

TEST_CASE("a live job does not send what was damaged while it waited, and recovery tells") {
  const std::string how = GENERATE("emptied", "flipped");
  INFO(how);
  const test::TemporaryDirectory directory;
  const fs::path store = directory / "store";
  std::ofstream(store) << "a file where the store should be";
  std::ofstream(directory / "file") << std::string(100'000, 'x');
  auto run = runlog::start_logging({.root = directory / "runs",
                                    .store = store.native(),
                                    .finish_deadline = std::chrono::milliseconds(1),
                                    .on_error = [](const runlog::Error&) {}});
  REQUIRE(run);
  for (std::int64_t step = 0; step < 100; ++step) run->log("loss", 1.0, step);
  REQUIRE(run->upload_file("output", directory / "file"));
  while (run->stats().packs_made == 0) {
    (void)run->wait_until(runlog::Shipped, std::chrono::milliseconds(10));
  }
  const fs::path journal = run->journal_path();
  // A file in its place, and not the file cut: the job may be reading it.
  for (const auto& pack : packs_below(journal / "packs")) {
    std::ofstream(directory / "other").flush();
    if (how == "flipped") {
      fs::copy_file(pack, directory / "other", fs::copy_options::overwrite_existing);
      std::fstream file(directory / "other", std::ios::binary | std::ios::in | std::ios::out);
      file.seekp(100);  // in the first page
      file.put('\xff');
    }
    fs::rename(directory / "other", pack);
  }
  for (const auto& entry : fs::directory_iterator(journal / "blobs")) {
    std::fstream file(entry.path(), std::ios::binary | std::ios::in | std::ios::out);
    file.put('y');
  }
  // An attempt that had looked before is over then.
  (void)run->wait_until(runlog::Shipped, std::chrono::seconds(30));
  fs::remove(store);
  CHECK(run->wait_until(runlog::Shipped, std::chrono::seconds(30)) == runlog::Wait::Failed);
  CHECK(packs_below(store).empty());
  CHECK(run->stats().objects_refused == 2);
  run->complete();
  const auto outcomes = runlog::recover(directory / "runs", {});
  REQUIRE(outcomes);
  CHECK(outcomes->front().verdict == runlog::RecoverOutcome::Verdict::shipped);
  CHECK(outcomes->front().records_damaged > 0);
  CHECK(outcomes->front().damage.size() >= 2);  // the artifact, too
}

TEST_CASE("a FIFO in the place of a file of a journal holds nobody up") {
  for (const char* const what : {"pack", "blob", "segment", "meta.json", "moved.json"}) {
    INFO(what);
    const Waiting waiting;
    fs::path place = waiting.journal / what;
    if (place.filename() == "pack") place = waiting.packs[1];
    if (place.filename() == "blob") place = waiting.blob;
    if (place.filename() == "segment") place = waiting.journal / "lanes" / "00009999.seg";
    fs::remove(place);
    REQUIRE(::mkfifo(place.c_str(), 0600) == 0);
    const auto outcomes = runlog::recover(waiting.directory / "runs",
                                          {.store = waiting.store().native(), .retries = false});
    CHECK(outcomes);
    (void)read(waiting.journal);
  }
}

// Whoever can write to a journal can plant one, and it may lead anywhere, or nowhere.
TEST_CASE("a link in the place of a file is not followed; it is told, and the rest is shipped") {
  const std::string no_blob(64, 'a');
  const std::vector<std::string> kinds = {"packs/00009999.parquet", "blobs/" + no_blob,
                                          "lanes/00009999.seg", "pack", "blob"};
  for (const bool is_dangling : {true, false}) {
    for (const std::string& what : kinds) {
      INFO(what << (is_dangling ? " to nowhere" : ""));
      const Waiting waiting;
      fs::path place = waiting.journal / what;
      if (what == "pack") place = waiting.packs[1];
      if (what == "blob") place = waiting.blob;
      const fs::path target = waiting.directory / "elsewhere";
      if (fs::exists(place)) {
        fs::rename(place, target);
      } else {
        std::ofstream(target) << "of somebody else";
      }
      if (is_dangling) fs::remove(target);
      fs::create_symlink(target, place);
      const bool is_told_before = read(waiting.journal).damage.size() == 1;
      CHECK(is_told_before == !what.starts_with("blob"));
      const auto outcome = waiting.recover();
      INFO(outcome.message);
      CHECK(outcome.verdict == runlog::RecoverOutcome::Verdict::shipped);
      CHECK(is_named(outcome, place));
      CHECK(fs::is_symlink(waiting.journal / "torn" / place.filename()));
      CHECK(fs::exists(target) == !is_dangling);
      const auto stored = read(waiting.store());
      if (what == "pack") {
        CHECK(stored.rows.size() < waiting.rows);
        CHECK(stored.rows.size() + stored.lost() == waiting.rows);
      } else {
        CHECK(stored.rows.size() == waiting.rows);
      }
      for (const auto& entry : fs::recursive_directory_iterator(waiting.store())) {
        CHECK(entry.path().filename() != no_blob);
        CHECK((what != "blob" || entry.path().filename() != waiting.blob.filename()));
      }
      CHECK(waiting.recover().damage.empty());
    }
  }
}

TEST_CASE("a link in the place of LOCK is told, and its journal left alone; others are shipped") {
  for (const bool is_dangling : {true, false}) {
    INFO(is_dangling);
    const Waiting waiting;
    auto other = runlog::start_logging({.root = waiting.directory / "runs", .run_id = "other"});
    REQUIRE(other);
    other->complete();
    const fs::path target = waiting.directory / "elsewhere";
    if (!is_dangling) std::ofstream(target) << "x";
    fs::remove(waiting.journal / "LOCK");
    fs::create_symlink(target, waiting.journal / "LOCK");
    std::vector<std::string> unread;
    runlog::RecoverOptions options;
    options.store = waiting.store().native();
    options.on_unread = [&](const runlog::Error& error) { unread.push_back(error.message); };
    const auto outcomes = runlog::recover(waiting.directory / "runs", options);
    REQUIRE(outcomes);
    REQUIRE(outcomes->size() == 2);
    for (const auto& outcome : *outcomes) {
      const bool is_other = outcome.journal.run_id == "other";
      CHECK((outcome.verdict == runlog::RecoverOutcome::Verdict::shipped) == is_other);
    }
    REQUIRE(unread.size() == 1);
    CHECK(unread[0].find(waiting.journal / "LOCK") != std::string::npos);
    CHECK(fs::exists(target) == !is_dangling);
    CHECK(fs::is_symlink(waiting.journal / "LOCK"));
    fs::remove(waiting.journal / "LOCK");
    CHECK(runlog::recover(waiting.directory / "runs", {.store = waiting.store().native()}));
    CHECK(read(waiting.store() / "project=default" / "run_id=job").rows.size() == waiting.rows);
  }
}

TEST_CASE("a kept copy that cannot be read hides no records that are lost elsewhere") {
  for (const auto& [how, damage] : kDamages) {
    if (how == "removed" || how == "flipped") continue;  // its footer can be read
    INFO(how);
    const Waiting waiting;
    REQUIRE(waiting.packs.size() > 4);
    REQUIRE(waiting.recover().damage.empty());
    // The last packs and the end are to go once more; pack 3 is lost wherever it was.
    const auto shipped = waiting.journal / "shipped";
    fs::path end;
    fs::path lost;
    for (const auto& entry : fs::recursive_directory_iterator(waiting.store())) {
      const std::string name = entry.path().filename();
      if (name.ends_with(".end.json")) end = entry.path();
      if (name.ends_with("-" + waiting.packs[3].filename().native())) lost = entry.path();
    }
    fs::remove(end);
    fs::rename(shipped / "end.json", waiting.journal / "end.json");
    damage(shipped / waiting.packs[1].filename());
    CHECK(waiting.recover().damage.empty());  // the store has it
    fs::remove(end);
    fs::rename(shipped / "end.json", waiting.journal / "end.json");
    const std::size_t records = read(lost).rows.size();
    REQUIRE(records > 0);
    fs::remove(lost);
    fs::remove(shipped / waiting.packs[3].filename());
    const auto outcome = waiting.recover();
    CHECK(outcome.verdict == runlog::RecoverOutcome::Verdict::shipped);
    CHECK(outcome.records_damaged == records);
    CHECK(waiting.lost_by_end() == records);
    CHECK(read(waiting.store()).rows.size() + records == waiting.rows);
  }
}
