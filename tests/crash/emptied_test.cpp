// Promise: no file or folder of a dead journal is passed over in silence: one that is empty or gone
// is told, with at least the number of records that it must have held, before recovery and after.
#include <signal.h>

#include <fstream>
#include <map>

#include "platform/mapped_file.hpp"
#include "runlog/recover.hpp"
#include "segment/segment_walker.hpp"
#include "support/books.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"

namespace fs = std::filesystem;

namespace {

using test::read;

// What `everything` had acknowledged: the losses; started, two params, a tag, a text and a list.
test::Books books_of_killed() {
  return {.accounts = {{"train/loss", 100}}, .others = 6, .dropped = 0, .may_be_damaged = true};
}

struct Killed {
  Killed() {
    const auto [exit, output] =
        test::run_command({test::victim("writer"), "everything", directory / "runs", "kill"});
    REQUIRE(exit.signal == SIGKILL);
    for (const auto& entry : fs::recursive_directory_iterator(directory / "runs")) {
      if (entry.path().filename() == "lanes") journal = entry.path().parent_path();
    }
    REQUIRE(!journal.empty());
  }

  // Those that hold records, by number.
  std::vector<fs::path> segments() const {
    std::map<std::uint32_t, fs::path> by_number;
    for (const auto& entry : fs::directory_iterator(journal / "lanes")) {
      const auto file = runlog::MappedFile::open_read_only(entry.path());
      REQUIRE(file);
      if (const auto header = runlog::format::parse_header(file->bytes())) {
        by_number[header->number] = entry.path();
      }
    }
    std::vector<fs::path> found;
    for (const auto& [number, path] : by_number) found.push_back(path);
    return found;
  }
  runlog::RecoverOutcome recover() const {
    auto outcomes = runlog::recover(directory / "runs", {.store = (directory / "store").native()});
    REQUIRE(outcomes);
    REQUIRE(outcomes->size() == 1);
    return outcomes->front();
  }

  test::TemporaryDirectory directory;
  fs::path journal;
};

bool names(const std::vector<runlog::Damage>& damage, const fs::path& file) {
  return std::any_of(damage.begin(), damage.end(), [&](const runlog::Damage& one) {
    return one.path.find(file.filename().native()) != std::string::npos && one.records_lost > 0;
  });
}

}  // namespace

TEST_CASE(
    "segments that lost their content are told and kept in torn/, none is taken for a spare") {
  const Killed killed;
  const auto segments = killed.segments();
  REQUIRE_FALSE(segments.empty());
  for (const auto& segment : segments) fs::resize_file(segment, 0);
  const auto before = read(killed.journal);
  CHECK(before.rows.empty());
  for (const auto& segment : segments) CHECK(names(before.damage, segment));

  const auto outcome = killed.recover();
  CHECK(outcome.verdict == runlog::RecoverOutcome::Verdict::shipped);
  CHECK(outcome.records_damaged >= segments.size());
  for (const auto& segment : segments) {
    CHECK(names(outcome.damage, segment));
    CHECK(fs::exists(killed.journal / "torn" / segment.filename()));
  }
  CHECK(read(killed.journal).lost() == outcome.records_damaged);
  CHECK(test::check_books(killed.directory / "store", books_of_killed()).lost() ==
        outcome.records_damaged);
  CHECK(killed.recover().damage.empty());
}

TEST_CASE("a segment that is gone is told, though it was the last of its lane") {
  for (const bool are_all_gone : {false, true}) {
    INFO(are_all_gone);
    const Killed killed;
    const auto segments = killed.segments();
    REQUIRE(segments.size() == 2);  // of the thread, and the shared one
    fs::remove(segments.back());
    if (are_all_gone) fs::remove(segments.front());
    const auto outcome = killed.recover();
    CHECK(outcome.verdict == runlog::RecoverOutcome::Verdict::shipped);
    CHECK(names(outcome.damage, segments.back()));
    CHECK(names(outcome.damage, segments.front()) == are_all_gone);
    CHECK(outcome.records_damaged == (are_all_gone ? 2 : 1));  // at least
    CHECK(killed.recover().damage.empty());
  }
}

TEST_CASE("a segment that the writer was killed over while it prepared it is no damage") {
  const Killed killed;
  std::ofstream(killed.journal / "lanes" / "00000999.seg").flush();
  CHECK(read(killed.journal).damage.empty());
  CHECK(killed.recover().damage.empty());
  (void)test::check_books(killed.directory / "store", books_of_killed());
}

TEST_CASE("a journal without its folder of segments is listed, and told as a loss for good") {
  const Killed killed;
  fs::remove_all(killed.journal / "lanes");
  const auto listed = runlog::list_journals(killed.directory / "runs");
  REQUIRE(listed);
  REQUIRE(listed->size() == 1);
  CHECK(names(read(killed.journal).damage, "lanes"));
  const auto outcome = killed.recover();
  CHECK(outcome.records_damaged == 1);
  CHECK(names(outcome.damage, "lanes"));
  CHECK(read(killed.journal).lost() == 1);
  CHECK(test::check_books(killed.directory / "store", books_of_killed()).lost() == 1);
}

#if defined(RUNLOG_CRASH_POINTS)
TEST_CASE("recover killed between telling an emptied segment and moving it: told once, and kept") {
  const Killed killed;
  const auto segment = killed.segments().front();
  fs::resize_file(segment, 0);
  const std::vector<std::string> command = {test::tool("runlog-recover"), "-q", "--store",
                                            killed.directory / "store", killed.directory / "runs"};
  CHECK(test::run_command(command, {{"RUNLOG_CRASH_AT", "after_damage_pack"}}).first.signal ==
        SIGKILL);
  (void)test::run_command(command);
  CHECK(fs::exists(killed.journal / "torn" / segment.filename()));
  const auto stored = test::check_books(killed.directory / "store", books_of_killed());
  CHECK(names(stored.damage, segment));
}
#endif

#if defined(RUNLOG_CRASH_POINTS)
TEST_CASE(
    "recover killed when it has removed unused segments tells no more than one that was not") {
  for (const bool is_killed : {false, true}) {
    INFO(is_killed);
    const Killed killed;
    // As if it was killed when it had come to its last segment and not begun it.
    const auto segment = killed.segments().back();
    const auto bytes = fs::file_size(segment);
    fs::resize_file(segment, 0);
    fs::resize_file(segment, bytes);
    const std::vector<std::string> command = {test::tool("runlog-recover"), "-q",
                                              killed.directory / "runs"};
    if (is_killed) {
      CHECK(
          test::run_command(command, {{"RUNLOG_CRASH_AT", "after_unused_removed"}}).first.signal ==
          SIGKILL);
    }
    CHECK(test::run_command(command).first.code == 0);
    CHECK_FALSE(fs::exists(segment));
    CHECK(read(killed.journal).damage.empty());
  }
}
#endif

TEST_CASE("the original of a damaged segment is kept in torn/, byte for byte") {
  const Killed killed;
  const fs::path segment = killed.segments().at(0);
  const auto bytes_of = [](const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  {
    std::fstream file(segment, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(1000);
    file.put('\x55');
  }
  const std::string damaged = bytes_of(segment);
  CHECK(killed.recover().records_damaged > 0);
  const fs::path kept = killed.journal / "torn" / segment.filename();
  REQUIRE(fs::exists(kept));
  CHECK(bytes_of(kept) == damaged);
}
