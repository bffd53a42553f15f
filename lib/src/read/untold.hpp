// Untold: the calls that a dead process had dropped and that no gap record counts: those that only
// the tally in its crash file knows, and those whose gap record is damaged. Readers and recovery
// make the gap records in its place.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "journal/drops.hpp"
#include "journal/journal_dir.hpp"
#include "segment/segment_merge.hpp"

namespace runlog {

struct UntoldDrops {
  DropCounts calls = {};
  std::int64_t time_ns = 0;        ///< of the last of them
  std::uint32_t next_segment = 0;  ///< no segment has had this number
  std::int64_t next_seq = 0;       ///< of the lane in which they are told
  std::uint64_t by_children = 0;   ///< what children had added in all: told, when these calls are
  /// Lanes that told of drops, where not all of the journal is here: what is lost of a damaged
  /// segment of theirs may have told of more than anybody knows.
  std::set<std::int32_t> doubtful_lanes = {};

  [[nodiscard]] bool is_any() const noexcept { return calls != DropCounts{}; }
};

/// Whether there are calls that the tally knows of and no gap record. Cheap.
[[nodiscard]] bool may_have_untold(const JournalDir& directory);

/// `segments`: those of the dead process that are still in lanes/. Where nothing has left the
/// journal, the tally is compared with all gap records, so that damaged ones are told again. Reads
/// the segments, if any call was dropped. Errors: the packs cannot be listed, and what they tell is
/// not known.
[[nodiscard]] Result<UntoldDrops> read_untold(const JournalDir& directory,
                                              const std::vector<SegmentInput>& segments);

/// Marks the inputs of which UntoldDrops::doubtful_lanes says so.
void mark_doubtful(const UntoldDrops& untold, std::vector<SegmentInput>& segments);

/// How many calls the process had dropped in all, as the gap records of all its packs tell once it
/// is recovered. 0 where that is not known.
[[nodiscard]] std::uint64_t all_drops(const JournalDir& directory);

/// A segment with a gap record for each reason.
struct ToldSegment {
  std::vector<std::byte> bytes;
  format::SegmentHeader header;
};
[[nodiscard]] ToldSegment told_segment(const UntoldDrops& untold, const Session& session);

/// The tally, as `untold` was read from it, is in a pack. What children add later is not. May be
/// repeated. Errors: io.
[[nodiscard]] Result<void> forget_untold(const JournalDir& directory, const UntoldDrops& untold);

}  // namespace runlog
