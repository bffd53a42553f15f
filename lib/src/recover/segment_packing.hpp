// SegmentPacking: what a dead journal has in lanes/ becomes packs. What its process had dropped and
// not told is told, what cannot be read is kept in torn/ and told.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "journal/journal_dir.hpp"
#include "journal/meta.hpp"
#include "keep/packer.hpp"
#include "read/dead_segments.hpp"
#include "read/untold.hpp"
#include "recover/last_words.hpp"
#include "recover/losses.hpp"
#include "runlog/recover.hpp"

namespace runlog {

/// What the store has of this journal and, where others are not to be spared, of all journals of
/// its root: copies that a full disk can do without. Returns how many bytes went.
std::uint64_t drop_copies(const JournalDir& directory, bool spares_others);

/// Adds these to what the outcome tells.
void add_damage(const std::vector<Damage>& damage, RecoverOutcome& outcome);

class SegmentPacking {
 public:
  struct Options {
    bool keep = false;           ///< leave the segments in torn/ even when undamaged
    bool spares_others = false;  ///< see drop_copies()
  };
  /// All must outlive it.
  SegmentPacking(const JournalDir& directory, const Meta& meta, Options options, Losses& losses,
                 RecoverOutcome& outcome)
      : directory_(directory), meta_(meta), options_(options), losses_(losses), outcome_(outcome) {}

  /// Packs all segments, and removes them. May be killed and repeated. Errors: no_space, io: what
  /// is not packed is still in lanes/.
  Result<void> run();
  /// The end that the packed segments tell.
  [[nodiscard]] const LastStatus& status() const noexcept { return status_; }

 private:
  Result<void> remove_unused(const DeadSegments& dead);
  Result<void> pack_groups(DeadSegments& dead);
  Result<void> finish_group(const PackOutcome& packed, const std::vector<std::size_t>& members,
                            const DeadSegments& dead);
  Result<std::optional<ToldSegment>> add_told_segment(DeadSegments& dead);
  Result<void> tell_unreadable(const DeadSegments& dead);

  const JournalDir& directory_;
  const Meta& meta_;
  const Options options_;
  Losses& losses_;
  RecoverOutcome& outcome_;
  LastStatus status_;
  UntoldDrops untold_;                        // as the tally was read for the pack that tells it
  std::vector<std::filesystem::path> empty_;  // segments that held nothing: go when it is told
};

}  // namespace runlog
