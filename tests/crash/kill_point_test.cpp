// Promise: a process killed between any two steps loses nothing whose call had returned. The steps
// are named in the code (platform/crash_point.hpp); here the job, and then the recovery, die at
// each.
#include <signal.h>

#include "support/catch.hpp"
#include "support/killed.hpp"
#include "support/process.hpp"

using test::Acknowledged;
using test::read;
using test::TemporaryDirectory;
using test::tool;
using test::victim;

#if defined(RUNLOG_CRASH_POINTS)

namespace {

constexpr int kRecords = 6'000;  // several segments of 64 KiB

// A job with artifacts and a store, in which every step comes by; killed at `point`.
void run_killed_at(const std::string& point, const TemporaryDirectory& root,
                   const TemporaryDirectory& store, const std::string& notes) {
  const auto [exit, output] = test::run_command(
      {victim("killable"), root.path(), notes, "1", "tight", "files", std::to_string(kRecords)},
      {{"RUNLOG_SEGMENT_BYTES", "65536"},
       {"RUNLOG_PACK_BYTES", "65536"},
       {"RUNLOG_SHIP_INTERVAL", "100ms"},
       {"RUNLOG_STORE", store.path()},
       {"RUNLOG_CRASH_AT", point}});
  REQUIRE(exit.signal == SIGKILL);
}

int recover(const TemporaryDirectory& root, const TemporaryDirectory& store,
            const std::string& point = "nowhere") {
  return test::run_command({tool("runlog-recover"), root.path(), "--store", store.path(), "-q"},
                           {{"RUNLOG_CRASH_AT", point}})
      .first.code;
}

// Files that somebody had begun and not finished, which no recovery may leave behind.
std::vector<std::filesystem::path> unfinished_files(const TemporaryDirectory& root) {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root.path())) {
    const std::string name = entry.path().filename();
    if (name.ends_with(".tmp") || name.starts_with("tmp-")) found.push_back(entry.path());
  }
  return found;
}

}  // namespace

TEST_CASE("a job killed at a named point loses nothing whose call had returned") {
  for (const std::string point : {"before_journal_rename",
                                  "after_journal_rename",
                                  "in_segment_header:1",
                                  "in_segment_header:3",
                                  "in_append:1",
                                  "in_append:2",
                                  "in_append:3000",
                                  "in_lane_change:1",
                                  "in_lane_change:3",
                                  "in_seal:1",
                                  "in_seal:2",
                                  "in_pack:1",
                                  "in_pack:2000",
                                  "before_pack_rename:1",
                                  "before_pack_rename:2",
                                  "after_pack_rename:1",
                                  "after_pack_rename:2",
                                  "in_remove:1",
                                  "in_remove:2",
                                  "after_segments_removed",
                                  "in_blob_copy:1",
                                  "in_blob_copy:3",
                                  "before_blob_rename:1",
                                  "before_blob_rename:3",
                                  "after_blob_rename:1",
                                  "in_put:1",
                                  "in_put:3",
                                  "after_put:1",
                                  "after_put:3",
                                  "after_ship:1",
                                  "after_ship:3"}) {
    INFO("killed at " << point);
    TemporaryDirectory root;
    TemporaryDirectory store;
    TemporaryDirectory scratch;
    const std::string notes = scratch / "acknowledged";
    const Acknowledged* const acknowledged = test::map_acknowledged(notes);
    REQUIRE(acknowledged != nullptr);
    run_killed_at(point, root, store, notes);
    CHECK(test::problem_with(read(root.path()), *acknowledged, root.path()) == "");
    for (int times = 0; times < 2; ++times) {
      CHECK(recover(root, store) == 0);
      CHECK(test::problem_with(read(store.path()), *acknowledged, store.path()) == "");
      CHECK(unfinished_files(root).empty());
    }
  }
}

TEST_CASE("a recovery killed at a named point is finished by the next one") {
  for (const std::string point :
       {"in_pack:1", "in_pack:3000", "before_pack_rename", "after_pack_rename", "in_remove:1",
        "in_remove:2", "after_segments_removed", "in_put:1", "in_put:2", "after_put:1",
        "after_put:2", "after_ship:1", "after_ship:2"}) {
    INFO("recover killed at " << point);
    TemporaryDirectory root;
    TemporaryDirectory store;
    TemporaryDirectory scratch;
    const std::string notes = scratch / "acknowledged";
    const Acknowledged* const acknowledged = test::map_acknowledged(notes);
    REQUIRE(acknowledged != nullptr);
    // Dies before it has packed anything: all of the work is the recovery's.
    const auto killed = test::run_command(
        {victim("killable"), root.path(), notes, "1", "tight", "quiet", std::to_string(kRecords)},
        {{"RUNLOG_SEGMENT_BYTES", "65536"},
         {"RUNLOG_PACK_BYTES", "1GiB"},
         {"RUNLOG_SHIP_INTERVAL", "1h"},
         {"RUNLOG_CRASH_AT", "in_append:5500"}});
    REQUIRE(killed.first.signal == SIGKILL);
    REQUIRE(acknowledged->total() > 5'000);
    CHECK(recover(root, store, point) == -1);  // by a signal
    CHECK(recover(root, store) == 0);
    CHECK(test::problem_with(read(store.path()), *acknowledged, store.path()) == "");
    CHECK(unfinished_files(root).empty());
  }
}

#else

TEST_CASE("a release has no points to be killed at") {
  TemporaryDirectory root;
  const auto [exit, output] = test::run_command(
      {victim("killable"), root.path(), root / "notes", "1", "tight", "plain", "100"},
      {{"RUNLOG_CRASH_AT", "in_append"}});
  CHECK(exit.code == 0);
  CHECK(test::numbers_of(read(root.path()), test::slot_name(0)) == test::counting(100));
}

#endif
