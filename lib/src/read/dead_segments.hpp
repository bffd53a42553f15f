// Dead segments: the files in lanes/ of a dead journal: segments with records, unused ones, those
// that are in a pack already, and unreadable ones.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "journal/journal_dir.hpp"
#include "platform/mapped_file.hpp"
#include "runlog/record.hpp"
#include "runlog/result.hpp"
#include "segment/segment_merge.hpp"

namespace runlog {

/// The segments of lanes/ as they are, mapped read-only, without those that are already in a pack,
/// never used, or recycled. For journals nobody writes.
struct DeadSegments {
  std::vector<MappedFile> files = {};
  std::vector<SegmentInput> inputs = {};           ///< in step with `files`
  std::vector<std::filesystem::path> unused = {};  ///< hold no records: may be removed
  std::vector<std::filesystem::path> packed = {};  ///< their records are in a pack: may be removed
  std::vector<std::filesystem::path> unreadable = {};  ///< to be kept in torn/
  std::vector<std::uint32_t> unreadable_numbers = {};  ///< of those that no pack tells of yet
  std::vector<Damage> unreadable_damage = {};          ///< in step with `unreadable_numbers`
  std::vector<Damage> damage = {};                     ///< of `inputs`: headers that were rebuilt
  bool is_without_lanes = false;  ///< the folder is gone, and the journal has no end
};
[[nodiscard]] Result<DeadSegments> load_dead_segments(const JournalDir& directory);

/// Whether an empty segment is one that its writer was killed over while it prepared it, and not
/// one that lost its content: no lane has come to it, or it was never changed. Where the file
/// system does not tell, or the file is a copy, the last one is taken for new: they are prepared in
/// the order of their numbers.
[[nodiscard]] bool is_new_segment(const std::filesystem::path& path, bool is_last);

/// What a journal has lost whose folder of segments is gone.
[[nodiscard]] Damage without_lanes(const JournalDir& directory);

}  // namespace runlog
