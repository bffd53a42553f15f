// Untold: the calls that a dead process had dropped and that no gap record counts: the tally in its
// crash file. Readers and recovery make the gap records in its place.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "journal/drops.hpp"
#include "journal/journal_dir.hpp"
#include "segment/segment_merge.hpp"

namespace runlog {

struct UntoldDrops {
  DropCounts calls = {};
  std::int64_t time_ns = 0;        ///< of the last of them
  std::uint32_t next_segment = 0;  ///< no segment has had this number
};

/// Whether read_untold() may find something. Cheap.
[[nodiscard]] bool may_have_untold(const JournalDir& directory);

/// Nothing where all is told, or there is no tally. `segments`: those of the dead process that are
/// still in lanes/. Errors: the packs cannot be listed, and what they tell is not known.
[[nodiscard]] Result<std::optional<UntoldDrops>> read_untold(
    const JournalDir& directory, const std::vector<SegmentInput>& segments);

/// The last segment that each lane has come to, of those that had one: it is in lanes/ or in a
/// pack. Nothing once a recovery has been here.
[[nodiscard]] std::vector<std::uint32_t> last_segments(const JournalDir& directory);

/// The highest number of a segment that a lane has come to: those above it hold nothing. Nothing
/// where there is no tally, or no such segment.
[[nodiscard]] std::optional<std::uint32_t> last_segment(const JournalDir& directory);

/// How many records its lanes miss because packs were removed unshipped (drop_oldest_packed).
/// Nothing where there is no tally that could say so.
[[nodiscard]] std::optional<std::uint64_t> evicted_records(const JournalDir& directory);

/// Whether the process had more than one directory, because one was moved or removed under it: each
/// has what the others lack.
[[nodiscard]] bool is_part_of_moved(const JournalDir& directory);

/// A segment with a gap record for each reason.
struct ToldSegment {
  std::vector<std::byte> bytes;
  format::SegmentHeader header;
};
[[nodiscard]] ToldSegment told_segment(const UntoldDrops& untold, const Session& session);

/// The tally is in a pack. Errors: io.
[[nodiscard]] Result<void> forget_untold(const JournalDir& directory);

}  // namespace runlog
