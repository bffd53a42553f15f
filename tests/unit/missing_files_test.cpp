// A file of a journal that is gone or beyond reading: its neighbours' numbers tell what it held.
#include <sched.h>
#include <signal.h>

#include <filesystem>
#include <map>
#include <vector>

#include "format/segment_walker.hpp"
#include "platform/mapped_file.hpp"
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
