// CrashTally: what the tally in a journal's crash file says of its process beside dropped calls
// (read/untold): segments, packs, directories. Nothing here needs the process to be dead, but what
// it is about to do may change the answer.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "journal/journal_dir.hpp"
#include "platform/crash_layout.hpp"
#include "runlog/result.hpp"

namespace runlog {

/// Nothing where there is none.
[[nodiscard]] std::optional<crash::Tally> read_tally(const JournalDir& directory);
/// A recovery has told what the process dropped.
[[nodiscard]] bool is_told(const crash::Tally& tally) noexcept;
/// The process went on in another directory, or came from one: each has what the others lack.
[[nodiscard]] bool is_part_of_moved(const crash::Tally& tally) noexcept;
[[nodiscard]] bool is_part_of_moved(const JournalDir& directory);
/// A pack that was about to be removed to make room is gone or not.
void settle_eviction(crash::Tally& tally, const JournalDir& directory);

/// The last segment that each lane has come to, of those that had one: it is in lanes/ or in a
/// pack. Nothing once a recovery has been here.
[[nodiscard]] std::vector<std::uint32_t> last_segments(const JournalDir& directory);

/// The highest number of a segment that a lane has come to: those above it hold nothing. Nothing
/// where there is no tally, or no such segment.
[[nodiscard]] std::optional<std::uint32_t> last_segment(const JournalDir& directory);

/// How many records its lanes miss because packs were removed unshipped (drop_oldest_packed).
/// Nothing where there is no tally that could say so.
[[nodiscard]] std::optional<std::uint64_t> evicted_records(const JournalDir& directory);

/// How many packs the journal has had at least, but for those that made room or are in torn/: they
/// are here or in its store. 0 where nobody counted them.
[[nodiscard]] std::uint64_t packs_made(const JournalDir& directory);
/// Recovery has made another one, or is about to move one to torn/. Where that cannot be noted, or
/// a move is tried again, a lost pack may not be missed.
void note_made_pack(const JournalDir& directory);
void note_torn_pack(const JournalDir& directory);

}  // namespace runlog
