// SegmentPool: segments that are used again.
#include "journal/segment_pool.hpp"

#include <algorithm>

#include "platform/file_system.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"

using runlog::JournalDir;
using runlog::OpenSegment;
using runlog::SegmentPool;
using test::TemporaryDirectory;

namespace {

constexpr std::uint64_t kBytes = 64u << 10;

// A segment with records in it, as a lane leaves it.
OpenSegment* used_segment(SegmentPool& pool) {
  auto prepared = pool.prepare();
  REQUIRE(prepared);
  OpenSegment* const segment = *prepared;
  segment->header = {.number = segment->number, .segment_bytes = kBytes};
  segment->writer.begin(segment->file.bytes(), segment->header, 1);
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(segment->writer.append_metric(runlog::format::Tag::metric_real, 0, 7, true, i, 1));
  }
  return segment;
}

bool is_zero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

TEST_CASE("a segment that is used again is zero and has a new name; its file is the same") {
  TemporaryDirectory place;
  const JournalDir directory(place / "journal");
  REQUIRE(directory.create());
  SegmentPool pool(directory, {.segment_bytes = kBytes});
  OpenSegment* const old = used_segment(pool);
  const auto old_path = old->file.path();
  const auto inode = runlog::stat_file(old_path)->inode;
  REQUIRE(pool.recycle(old));

  OpenSegment* const again = pool.take();
  REQUIRE(again != nullptr);
  CHECK(again->file.path() != old_path);
  CHECK(runlog::stat_file(again->file.path())->inode == inode);
  CHECK_FALSE(std::filesystem::exists(old_path));
  CHECK(is_zero(again->file.bytes()));
  CHECK(pool.disk_bytes() == kBytes);
  REQUIRE(pool.discard(again));
}

TEST_CASE("the first sync of a segment that is used again takes its zeros along") {
  TemporaryDirectory place;
  const JournalDir directory(place / "journal");
  REQUIRE(directory.create());
  SegmentPool pool(directory, {.segment_bytes = kBytes});
  OpenSegment* const fresh = used_segment(pool);
  fresh->synced_at = 4096;
  CHECK(fresh->to_sync(8192).begin == 4096);
  CHECK(fresh->to_sync(8192).end == 8192);
  REQUIRE(pool.recycle(fresh));

  OpenSegment* const again = pool.take();
  REQUIRE(again != nullptr);
  CHECK(again->to_sync(8192).begin == 0);
  CHECK(again->to_sync(8192).end == kBytes);
  REQUIRE(pool.discard(again));
}
