// Promise: disk full, quota, read-only remount, a file truncated under the map: the job never gets
// SIGBUS, never blocks beyond the stated policy; drops are counted; logging resumes when space
// returns.
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "platform/file_lock.hpp"
#include "runlog/runlog.hpp"
#include "support/acknowledged.hpp"
#include "support/books.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"
#include "support/small_disk.hpp"
#include "support/unmounted.hpp"

using test::Books;
using test::check_books;
using test::check_tally;
using test::parse_tally;
using test::Process;
using test::read;
using test::SmallDisk;
using test::Tally;
using test::TemporaryDirectory;
using test::victim;

namespace {

// Of a "truncated" writer that was not short of room.
const Books kBooks_of_truncated = {.accounts = {{"before", 1000}, {"after", 2000}}};

// Of a "truncated" writer; returns where the journal was, when the writer has logged on.
std::filesystem::path remove_journal_under(Process& job) {
  std::filesystem::path journal = job.read_until("journal ").substr(8);
  // The keeper may be adding files while they are removed.
  std::error_code failed;
  do {
    std::filesystem::remove_all(journal, failed);
  } while (failed);
  job.write("x");
  CHECK(job.read_until("logged") == "logged 3001");
  return journal;
}

}  // namespace

TEST_CASE("a full disk at start is an error that names the path and the remedy") {
  TemporaryDirectory place;
  SmallDisk disk(place / "disk", "8m");
  if (!disk.is_mounted()) {
    test::tell_unmounted("a tmpfs");
    return;
  }
  disk.fill(64 << 10);
  const auto [exit, output] =
      test::run_command({victim("writer"), "everything", disk.path(), "complete"});
  CHECK(exit.code == 8);
  CHECK(output.find("No space left on device") != std::string::npos);
  CHECK(output.find(disk.path().native()) != std::string::npos);
}

TEST_CASE("a disk that fills in mid-run drops and counts, and logging resumes when space is back") {
  TemporaryDirectory place;
  SmallDisk disk(place / "disk", "24m");
  if (!disk.is_mounted()) {
    test::tell_unmounted("a tmpfs");
    return;
  }
  disk.fill(8 << 20);
  Process job({victim("writer"), "full", disk.path()},
              {{"RUNLOG_SEGMENT_BYTES", "1MiB"}, {"RUNLOG_SYNC_INTERVAL", "20ms"}});
  CHECK(job.read_until("full").starts_with("full"));
  disk.free_space();
  job.write("x");
  CHECK(job.read_until("resumed") == "resumed 1");
  const Tally tally = parse_tally(job.read_until("calls"));
  CHECK(job.wait().code == 0);
  check_tally(disk.path(), tally);
}

TEST_CASE("a disk that is full when a pack is due: a spare makes room, and nothing is lost") {
  TemporaryDirectory place;
  SmallDisk disk(place / "disk", "8m");
  if (!disk.is_mounted()) {
    test::tell_unmounted("a tmpfs");
    return;
  }
  std::string reported;
  auto run = runlog::start_logging(
      {.root = disk.path(), .segment_bytes = 1u << 20, .on_error = [&](const runlog::Error& error) {
         reported = error.message;
       }});
  REQUIRE(run);
  // Values that do not compress: a full tmpfs still has room for some dozen pages.
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> values;
  for (std::int64_t step = 0; step < 40'000; ++step) run->log("train/loss", values(random), step);
  // Until the keeper has prepared its spares: two segments in use, two spares, that of the end.
  const auto prepared = [&] {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(run->journal_path() / "lanes")) {
      struct stat raw {};
      const bool is_there = ::stat(entry.path().c_str(), &raw) == 0 && raw.st_size > 0;
      count += is_there && raw.st_blocks * 512 >= raw.st_size ? 1 : 0;
    }
    return count;
  };
  while (prepared() < 5) std::this_thread::yield();
  disk.fill(0);
  run->complete();
  INFO(reported);
  CHECK(reported.find("No space left on device") != std::string::npos);
  CHECK(run->stats().dropped == 0);
  CHECK(run->stats().packs_made >= 1);
  (void)check_books(disk.path(), {.accounts = {{"train/loss", 40'000}}, .dropped = 0});
}

TEST_CASE("the disk budget drops and counts") {
  TemporaryDirectory root;
  Process job({victim("writer"), "full", root.path()}, {{"RUNLOG_SEGMENT_BYTES", "256KiB"},
                                                        {"RUNLOG_DISK_BUDGET", "1MiB"},
                                                        {"RUNLOG_SHIP_INTERVAL", "1h"},
                                                        {"RUNLOG_PACK_BYTES", "1GiB"}});
  job.read_until("full");
  job.write("x");
  job.read_until("resumed");
  const Tally tally = parse_tally(job.read_until("calls"));
  CHECK(job.wait().code == 0);
  check_tally(root.path(), tally);
  std::uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root.path())) {
    if (entry.is_regular_file() && entry.path().extension() != ".json") bytes += entry.file_size();
  }
  CHECK(bytes <= (1u << 20) + 8192);  // LOCK and the crash mark are not counted
}

TEST_CASE("a file size limit is a full disk, not a SIGXFSZ") {
  TemporaryDirectory root;
  rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  const rlimit small{.rlim_cur = 1 << 20, .rlim_max = limit.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  const auto [exit, output] =
      test::run_command({victim("writer"), "everything", root.path(), "complete"});
  ::setrlimit(RLIMIT_FSIZE, &limit);
  CHECK(exit.signal == 0);
  CHECK(exit.code == 8);
  CHECK(output.find("File too large") != std::string::npos);
}

TEST_CASE("a read-only root is an error at start") {
  TemporaryDirectory place;
  SmallDisk disk(place / "disk", "24m");
  if (!disk.is_mounted()) {
    test::tell_unmounted("a tmpfs");
    return;
  }
  REQUIRE(disk.remount(true));
  const auto [exit, output] =
      test::run_command({victim("writer"), "everything", disk.path() / "runs", "complete"});
  CHECK(exit.code == 8);
  CHECK(output.find("Read-only file system") != std::string::npos);
  REQUIRE(disk.remount(false));
}

TEST_CASE(
    "a segment truncated under the map: no SIGBUS, the loss is counted exactly, logging goes on") {
  TemporaryDirectory root;
  Process job({victim("writer"), "truncated", root.path()}, {{"RUNLOG_SEGMENT_BYTES", "256KiB"}});
  const std::filesystem::path journal = job.read_until("journal ").substr(8);
  for (const auto& entry : std::filesystem::directory_iterator(journal / "lanes")) {
    std::filesystem::resize_file(entry.path(), 0);
  }
  job.write("x");
  job.read_until("logged");
  CHECK(job.wait().code == 0);
  // What was in the truncated files is gone, and every one of them is counted. Of no account:
  // started and complete. A spare may be cut while the keeper prepares it; a call that finds none
  // then is a drop, told by a gap.
  Books books = kBooks_of_truncated;
  books.others = 2;
  books.may_be_damaged = true;
  const auto contents = check_books(root.path(), books);
  const auto after = contents.steps("after");
  CHECK(contents.lost() > 0);
  REQUIRE_FALSE(after.empty());
  CHECK(after.back() == 1999);
}

TEST_CASE("a segment removed under the map loses nothing") {
  TemporaryDirectory root;
  Process job({victim("writer"), "truncated", root.path()}, {{"RUNLOG_SEGMENT_BYTES", "256KiB"}});
  const std::filesystem::path journal = job.read_until("journal ").substr(8);
  for (const auto& entry : std::filesystem::directory_iterator(journal / "lanes")) {
    std::filesystem::remove(entry.path());
  }
  job.write("x");
  job.read_until("logged");
  CHECK(job.wait().code == 0);
  (void)check_books(root.path(), kBooks_of_truncated);
}

TEST_CASE("a journal directory removed under the job does not hurt the job") {
  TemporaryDirectory root;
  Process job({victim("writer"), "truncated", root.path(), "wait"},
              {{"RUNLOG_SEGMENT_BYTES", "256KiB"}});
  const std::filesystem::path journal = remove_journal_under(job);
  // What was made anew is locked and knows whose it is: nobody adopts the journal of a live job.
  CHECK(runlog::FileLock::is_held(journal / "LOCK"));
  CHECK(std::filesystem::exists(journal / "meta.json"));
  CHECK(read(root.path()).journals.at(0).state == runlog::JournalState::live);
  TemporaryDirectory store;
  test::run_command({test::tool("runlog-recover"), root.path(), "--store", store.path(), "-q"});
  CHECK(std::filesystem::is_empty(store.path()));
  job.write("x");
  CHECK(job.wait().code == 0);
  const auto contents = check_books(root.path(), kBooks_of_truncated);
  CHECK(contents.journals.at(0).state == runlog::JournalState::complete);
}

TEST_CASE("a job killed after its directory was removed loses nothing it had made durable") {
  TemporaryDirectory root;
  Process job({victim("writer"), "truncated", root.path(), "wait"},
              {{"RUNLOG_SEGMENT_BYTES", "256KiB"}});
  remove_journal_under(job);
  job.kill(SIGKILL);
  job.wait();
  (void)check_books(root.path(), kBooks_of_truncated);
}

TEST_CASE("a journal directory moved under the job is another journal, and each record is in one") {
  for (const bool is_killed : {false, true}) {
    INFO(is_killed);
    TemporaryDirectory base;
    const std::filesystem::path root = base / "runs";
    Process job({victim("writer"), "truncated", root, "wait"},
                {{"RUNLOG_SEGMENT_BYTES", "256KiB"}, {"RUNLOG_RUN_ID", "job"}});
    const std::filesystem::path journal = job.read_until("journal ").substr(8);
    const std::filesystem::path moved = base / "old" / "job" / journal.filename();
    std::filesystem::create_directories(moved.parent_path());
    std::filesystem::rename(journal, moved);
    job.write("x");
    CHECK(job.read_until("logged") == "logged 3001");
    const auto store = (base / "store").native();
    const auto recover = [&](const std::filesystem::path& from) {
      return test::run_command({test::tool("runlog-recover"), from, "--store", store}).first.code;
    };
    CHECK(runlog::FileLock::is_held(moved / "LOCK"));  // threads may still write there
    CHECK(runlog::FileLock::is_held(journal / "LOCK"));
    if (is_killed) {
      job.kill(SIGKILL);
      job.wait();
    } else {
      job.write("x");
      CHECK(job.wait().code == 0);
    }
    CHECK(recover(root) == 0);
    CHECK(recover(base / "old") == 0);
    CHECK(recover(base / "old") == 0);  // nothing is left to do
    const auto contents = check_books(store, kBooks_of_truncated);
    CHECK(contents.journals.at(0).state ==
          (is_killed ? runlog::JournalState::crashed : runlog::JournalState::complete));
  }
}

TEST_CASE("a LOCK removed under the job is taken anew before the next pack") {
  TemporaryDirectory root;
  Process job({victim("writer"), "truncated", root.path(), "wait"},
              {{"RUNLOG_SEGMENT_BYTES", "64KiB"}, {"RUNLOG_PACK_BYTES", "64KiB"}});
  const std::filesystem::path journal = job.read_until("journal ").substr(8);
  std::filesystem::remove(journal / "LOCK");
  CHECK_FALSE(runlog::FileLock::is_held(journal / "LOCK"));
  job.write("x");
  CHECK(job.read_until("logged") == "logged 3001");
  job.write("x");
  CHECK(job.wait().code == 0);
  CHECK(std::filesystem::exists(journal / "LOCK"));
  (void)check_books(root.path(), kBooks_of_truncated);
}

TEST_CASE("a disk full of the job's own segments is packed, segment by segment if need be") {
  const TemporaryDirectory place;
  SmallDisk disk(place / "disk", "4m");
  if (!disk.is_mounted()) {
    test::tell_unmounted("a tmpfs");
    return;
  }
  const auto root = disk.path() / "runs";
  // With values that hardly compress, and far more than there is room for, packed or not.
  const auto [exit, output] =
      test::run_command({victim("writer"), "noise", root}, {{"RUNLOG_SEGMENT_BYTES", "64KiB"},
                                                            {"RUNLOG_SHIP_INTERVAL", "1h"},
                                                            {"RUNLOG_FINISH_DEADLINE", "1s"}});
  CHECK(exit.signal == SIGKILL);
  const TemporaryDirectory store;
  // It has the same disk, and gets on with it.
  CHECK(test::run_command({test::tool("runlog-recover"), root, "--store", store.path(), "-q"})
            .first.code != 4);
  const Tally tally = parse_tally(output);
  check_tally(store.path(), tally);
}

TEST_CASE("a disk without inodes: segments are packed, and nothing is dropped") {
  const TemporaryDirectory place;
  SmallDisk disk(place / "disk", "64m,nr_inodes=32");
  if (!disk.is_mounted()) {
    test::tell_unmounted("a tmpfs");
    return;
  }
  constexpr std::int64_t kCalls = 300'000;  // about a hundred segments
  auto run = runlog::start_logging({.root = disk.path() / "runs",
                                    .store = (place / "store").native(),
                                    .ship_interval = std::chrono::milliseconds(100),
                                    .segment_bytes = 64u << 10,
                                    .overflow = runlog::Overflow::block,
                                    .overflow_block = std::chrono::seconds(30),
                                    .keep_shipped = false,
                                    .on_error = [](const runlog::Error&) {}});
  REQUIRE(run);
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> values;
  auto metric = run->metric("train/loss");
  for (std::int64_t step = 0; step < kCalls; ++step) metric.log(values(random), step);
  run->complete();
  CHECK(run->stats().dropped == 0);
  (void)check_books(place / "store", {.accounts = {{"train/loss", kCalls}}, .dropped = 0});
  for (const auto& entry : std::filesystem::recursive_directory_iterator(disk.path())) {
    CHECK(entry.path().extension() != ".tmp");
  }
}

TEST_CASE("what a job dropped before and after its journal was moved is told once") {
  for (const bool is_killed : {false, true}) {
    INFO(is_killed);
    TemporaryDirectory base;
    const std::filesystem::path root = base / "runs";
    Process job({victim("writer"), is_killed ? "killed-full" : "full", root},
                {{"RUNLOG_SEGMENT_BYTES", "256KiB"},
                 {"RUNLOG_DISK_BUDGET", "1MiB"},
                 {"RUNLOG_SHIP_INTERVAL", "1h"},
                 {"RUNLOG_PACK_BYTES", "1GiB"},
                 {"RUNLOG_RUN_ID", "job"}});
    CHECK(job.read_until("full").starts_with("full"));
    const std::filesystem::path journal = std::filesystem::directory_iterator(root / "job")->path();
    std::filesystem::create_directories(base / "old");
    std::filesystem::rename(root / "job", base / "old" / "job");
    job.write("x");
    const Tally tally = parse_tally(job.read_until("calls"));
    CHECK(job.wait().signal == (is_killed ? SIGKILL : 0));
    const auto store = (base / "store").native();
    for (const auto& from : {base / "old", root}) {
      CHECK(test::run_command({test::tool("runlog-recover"), from, "--store", store, "-q"})
                    .first.code %
                3 ==
            0);  // 3: records were dropped
    }
    CHECK(tally.dropped > 0);
    check_tally(store, tally);
  }
}

TEST_CASE("a run directory that is renamed under a job that logs and ships: each record is once") {
  TemporaryDirectory base;
  const std::filesystem::path root = base / "runs";
  const auto store = (base / "store").native();
  test::Acknowledged* const acknowledged = test::map_acknowledged(base / "acknowledged");
  Process job({victim("killable"), root, base / "acknowledged", "2", "tight", "plain", "400000"},
              {{"RUNLOG_RUN_ID", "job"},
               {"RUNLOG_STORE", store},
               {"RUNLOG_SEGMENT_BYTES", "65536"},
               {"RUNLOG_PACK_BYTES", "65536"},
               {"RUNLOG_OVERFLOW", "block"},
               {"RUNLOG_SHIP_INTERVAL", "100ms"}});
  // To another root, where it is the same run.
  for (int i = 0; i < 3; ++i) {
    const auto before = acknowledged->total();
    while (acknowledged->total() < before + 40'000 && job.is_running()) std::this_thread::yield();
    const auto old = base / ("old-" + std::to_string(i));
    std::filesystem::create_directories(old);
    std::error_code failed;
    std::filesystem::rename(root / "job", old / "job", failed);
  }
  job.wait();
  for (const auto& entry : std::filesystem::directory_iterator(base.path())) {
    if (!entry.is_directory() || entry.path() == base / "store") continue;
    // Of one that was moved while it was made nobody knows the store. 3: on a busy machine a call
    // may have waited in vain.
    const int code =
        test::run_command({test::tool("runlog-recover"), entry.path(), "-q", "--store", store})
            .first.code;
    CHECK((code == 0 || code == 3));
  }
  auto books = test::books_of(*acknowledged);
  books.is_in_order = false;
  (void)check_books(store, books);
}
