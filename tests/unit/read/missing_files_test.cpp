// A file of a journal that is gone or beyond reading: its neighbours' numbers tell what it held.
#include <sched.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <vector>

#include "platform/crash_layout.hpp"
#include "platform/mapped_file.hpp"
#include "read/journal_list.hpp"
#include "read/journal_source.hpp"
#include "read/untold.hpp"
#include "runlog/runlog.hpp"
#include "segment/segment_walker.hpp"
#include "support/acknowledged.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"

using test::read;
using test::TemporaryDirectory;

namespace {

// A dead journal without a store: lane 1 goes over several unpacked segments. Those that it wrote
// to, in its order: a segment has its number from when it was prepared, which may be long before.
std::vector<std::filesystem::path> write_segments(const TemporaryDirectory& root) {
  const test::Acknowledged* const acknowledged = test::map_acknowledged(root / "notes");
  REQUIRE(acknowledged != nullptr);
  test::Process job(
      {test::victim("killable"), root.path(), root / "notes", "1", "tight", "quiet", "10000000"},
      {{"RUNLOG_SEGMENT_BYTES", "65536"},
       {"RUNLOG_PACK_BYTES", "1GiB"},
       {"RUNLOG_SHIP_INTERVAL", "1h"}});
  while (acknowledged->total() < 19'000 && job.is_running()) ::sched_yield();
  job.kill(SIGKILL);
  REQUIRE(job.wait().signal == SIGKILL);
  std::map<std::int64_t, std::filesystem::path> by_seq;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root.path())) {
    if (entry.path().extension() != ".seg") continue;
    const auto file = runlog::MappedFile::open_read_only(entry.path());
    REQUIRE(file);
    const auto header = runlog::format::parse_header(file->bytes());
    if (header && header->lane == 1) by_seq[header->first_seq] = entry.path();
  }
  std::vector<std::filesystem::path> segments;
  for (const auto& [seq, path] : by_seq) segments.push_back(path);
  return segments;
}

}  // namespace

TEST_CASE("a segment that was removed from a dead journal is missed, with its exact count") {
  TemporaryDirectory root;
  const auto segments = write_segments(root);
  REQUIRE(segments.size() > 5);
  const std::size_t before = read(root.path()).rows.size();
  std::filesystem::remove(segments[3]);
  const auto contents = read(root.path());
  CHECK(contents.rows.size() < before);
  CHECK(contents.lost() == before - contents.rows.size());
  REQUIRE(contents.damage.size() == 1);
  CHECK(contents.damage[0].exact);
}

TEST_CASE("the first segment of a lane is missed as the others are: records count up from 0") {
  TemporaryDirectory root;
  const auto segments = write_segments(root);
  REQUIRE(segments.size() > 5);
  const std::size_t before = read(root.path()).rows.size();
  std::filesystem::remove(segments[0]);
  const auto contents = read(root.path());
  CHECK(contents.rows.size() < before);
  CHECK(contents.lost() == before - contents.rows.size());
  REQUIRE(contents.damage.size() == 1);
  CHECK(contents.damage[0].exact);
  CHECK(contents.damage[0].why.starts_with("records 0 to "));
}

TEST_CASE("a segment truncated before its first record: the count is that of its neighbours") {
  TemporaryDirectory root;
  const auto segments = write_segments(root);
  REQUIRE(segments.size() > 5);
  const std::size_t before = read(root.path()).rows.size();
  for (const std::uintmax_t bytes : std::vector<std::uintmax_t>{167, 130, 128, 100, 8, 1, 0}) {
    INFO("truncated to " << bytes);
    std::filesystem::resize_file(segments[3], bytes);
    const auto contents = read(root.path());
    CHECK(contents.lost() == before - contents.rows.size());
    // Two where the segment before it was not sealed yet: its records are missed behind that one.
    CHECK_FALSE(contents.damage.empty());
    for (const auto& damage : contents.damage) CHECK(damage.exact);
  }
}

// A link to itself cannot be listed by anybody, root included.
TEST_CASE("a folder that cannot be listed any more is told while a journal is read, not skipped") {
  for (const char* const folder : {"lanes", "packs", "shipped"}) {
    INFO(folder);
    const TemporaryDirectory root;
    auto run = runlog::start_logging({.root = root.path()});
    REQUIRE(run);
    run->log("loss", 0.5, 1);
    const std::filesystem::path journal = run->journal_path();
    run->complete();
    auto files = runlog::find_journal_files(journal);
    REQUIRE(files);
    REQUIRE(files->size() == 1);
    REQUIRE(files->front().unread.empty());
    std::filesystem::rename(journal / folder, root / "aside");
    std::filesystem::create_symlink(folder, journal / folder);
    auto source = runlog::JournalSource::open(files->front(), {});
    REQUIRE(source);
    while ((*source)->peek() != nullptr) (*source)->pop();
    REQUIRE((*source)->failures().size() == 1);
    CHECK((*source)->failures()[0].message.find(journal / folder) != std::string::npos);
    CHECK((*source)->damage().empty());
  }
}

// Else a pack that was about to be evicted would be taken for evicted.
TEST_CASE("what a killed job dropped is not guessed where its packs cannot be listed") {
  namespace crash = runlog::crash;
  const TemporaryDirectory root;
  const runlog::JournalDir journal(root / "journal");
  REQUIRE(journal.create());
  crash::Tally tally = {};
  tally.magic = crash::kTally_magic_masked ^ crash::kMagic_mask;
  tally.evicting_pack = 1;
  tally.evicting_total = 1000;
  std::ofstream file(journal.crash(), std::ios::binary);
  file.seekp(crash::kTally_at);
  file.write(reinterpret_cast<const char*>(&tally), sizeof(tally));
  file.close();
  const auto evicted = runlog::read_untold(journal, {});
  REQUIRE(evicted);
  CHECK(evicted->is_any());  // there is no such pack
  std::filesystem::remove(journal.packs());
  std::filesystem::create_symlink("packs", journal.packs());
  const auto unknown = runlog::read_untold(journal, {});
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().message.find(journal.packs()) != std::string::npos);
}
