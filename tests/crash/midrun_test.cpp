// Promise: whatever happens to the disk in mid-run, the job goes on, and each call is in the data
// or counted. Limits, a file system that turns read-only, a store that is down while the budget
// ends.
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "support/books.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/loop_disk.hpp"
#include "support/process.hpp"
#include "support/small_disk.hpp"
#include "support/unmounted.hpp"

using test::check_tally;
using test::LoopDisk;
using test::parse_tally;
using test::Process;
using test::read;
using test::SmallDisk;
using test::Tally;
using test::TemporaryDirectory;
using test::victim;

TEST_CASE("a file size limit set in mid-run drops and counts; logging resumes when it is lifted") {
  TemporaryDirectory root;
  Process job({victim("writer"), "full", root.path()},
              {{"RUNLOG_SEGMENT_BYTES", "256KiB"}, {"RUNLOG_SYNC_INTERVAL", "20ms"}});
  REQUIRE(job.read_until("started") == "started");
  rlimit before{};
  REQUIRE(::prlimit(job.pid(), RLIMIT_FSIZE, nullptr, &before) == 0);
  const rlimit small{.rlim_cur = 4096, .rlim_max = before.rlim_max};
  REQUIRE(::prlimit(job.pid(), RLIMIT_FSIZE, &small, nullptr) == 0);
  CHECK(job.read_until("full").starts_with("full"));
  REQUIRE(::prlimit(job.pid(), RLIMIT_FSIZE, &before, nullptr) == 0);
  job.write("x");
  CHECK(job.read_until("resumed") == "resumed 1");
  const Tally tally = parse_tally(job.read_until("calls"));
  CHECK(job.wait().code == 0);
  check_tally(root.path(), tally);
}

TEST_CASE("a disk fills in mid-run, whatever the file system; logging resumes with the space") {
  const auto kind = GENERATE(as<std::string>(), "ext4", "xfs", "btrfs");
  CAPTURE(kind);
  TemporaryDirectory place;
  LoopDisk disk(place.path(), kind);
  if (!disk.is_mounted()) {
    test::tell_unmounted(kind);
    return;
  }
  test::fill_disk(disk.path(), 8u << 20);
  Process job({victim("writer"), "full", disk.path() / "runs"},
              {{"RUNLOG_SEGMENT_BYTES", "256KiB"}, {"RUNLOG_SYNC_INTERVAL", "20ms"}});
  REQUIRE(job.read_until("started") == "started");
  CHECK(job.read_until("full").starts_with("full"));
  test::free_disk(disk.path());
  job.write("x");
  CHECK(job.read_until("resumed") == "resumed 1");
  const Tally tally = parse_tally(job.read_until("calls"));
  CHECK(job.wait().code == 0);
  check_tally(disk.path() / "runs", tally);
}

TEST_CASE("a quota is reached in mid-run: drops are counted; logging resumes when it is raised") {
  TemporaryDirectory place;
  LoopDisk disk(place.path(), "btrfs");
  if (!disk.is_mounted() || !disk.make_limited("home", "12M")) {
    test::tell_unmounted("btrfs");
    return;
  }
  Process job({victim("writer"), "full", disk.path() / "home" / "runs"},
              {{"RUNLOG_SEGMENT_BYTES", "256KiB"}, {"RUNLOG_SYNC_INTERVAL", "20ms"}});
  REQUIRE(job.read_until("started") == "started");
  CHECK(job.read_until("full").starts_with("full"));
  REQUIRE(disk.limit("home", "none"));
  job.write("x");
  CHECK(job.read_until("resumed") == "resumed 1");
  const Tally tally = parse_tally(job.read_until("calls"));
  CHECK(job.wait().code == 0);
  check_tally(disk.path() / "home" / "runs", tally);
}

TEST_CASE("a file system that turns read-only in mid-run: no signal, no hang, all is counted") {
  TemporaryDirectory place;
  LoopDisk disk(place.path(), "ext4");
  if (!disk.is_mounted()) {
    test::tell_unmounted("ext4");
    return;
  }
  Process job({victim("writer"), "full", disk.path() / "runs", "end"},
              {{"RUNLOG_SEGMENT_BYTES", "256KiB"},
               {"RUNLOG_SYNC_INTERVAL", "20ms"},
               {"RUNLOG_FINISH_DEADLINE", "300ms"}});
  REQUIRE(job.read_until("started") == "started");
  REQUIRE(disk.abort());
  CHECK(job.read_until("full").starts_with("full"));
  job.write("x");
  const Tally tally = parse_tally(job.read_until("calls"));
  const test::Exit exit = job.wait();
  CHECK(exit.signal == 0);
  CHECK(exit.code == 0);
  // Not on the disk, which takes nothing; but where readers look, until the machine goes down.
  check_tally(disk.path() / "runs", tally);
}

TEST_CASE("the store is down and the budget used up: drops are counted; both pass") {
  TemporaryDirectory root;
  TemporaryDirectory place;
  const std::filesystem::path store = place / "store";
  std::ofstream(store) << "a file where the store's directory should be";
  Process job({victim("writer"), "full", root.path()}, {{"RUNLOG_SEGMENT_BYTES", "64KiB"},
                                                        {"RUNLOG_PACK_BYTES", "64KiB"},
                                                        {"RUNLOG_DISK_BUDGET", "512KiB"},
                                                        {"RUNLOG_SHIP_INTERVAL", "100ms"},
                                                        {"RUNLOG_STORE", store}});
  CHECK(job.read_until("full").starts_with("full"));
  std::filesystem::remove(store);
  job.write("x");
  CHECK(job.read_until("resumed") == "resumed 1");
  const Tally tally = parse_tally(job.read_until("calls"));
  CHECK(job.wait().code == 0);
  CHECK(test::run_command({test::tool("runlog-recover"), root.path(), "-q"}).first.code == 0);
  check_tally(store, tally);
}

TEST_CASE("a root in memory (tmpfs) survives a kill, and is recovered from there") {
  TemporaryDirectory place;
  TemporaryDirectory store;
  SmallDisk disk(place / "disk", "64m");
  if (!disk.is_mounted()) {
    test::tell_unmounted("a tmpfs");
    return;
  }
  const auto [exit, output] =
      test::run_command({victim("writer"), "everything", disk.path(), "kill"});
  CHECK(exit.signal == SIGKILL);
  CHECK(read(disk.path()).steps("train/loss") == test::counting(100));
  CHECK(
      test::run_command({test::tool("runlog-recover"), disk.path(), "--store", store.path(), "-q"})
          .first.code == 0);
  CHECK(read(store.path()).steps("train/loss") == test::counting(100));
}
