// Dead segments: the files in lanes/ of a dead journal: segments with records, unused ones, those
// that are in a pack already, and unreadable ones.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "journal/journal_dir.hpp"
#include "platform/file_bytes.hpp"
#include "runlog/record.hpp"
#include "runlog/result.hpp"
#include "segment/segment_file.hpp"
#include "segment/segment_merge.hpp"

namespace runlog {

/// The segments of lanes/ as they are, without those that are already in a pack,
/// never used, or recycled. For journals nobody writes.
struct DeadSegments {
  std::vector<SegmentInput> inputs = {};
  std::vector<std::filesystem::path> unused = {};  ///< hold no records: may be removed
  std::vector<std::filesystem::path> packed = {};  ///< their records are in a pack: may be removed
  std::vector<std::filesystem::path> unreadable = {};  ///< to be kept in torn/
  std::vector<std::uint32_t> unreadable_numbers = {};  ///< of those that no pack tells of yet
  std::vector<Damage> unreadable_damage = {};          ///< in step with `unreadable_numbers`
  std::vector<Damage> damage = {};                     ///< of `inputs`: headers that were rebuilt
  bool is_without_lanes = false;  ///< the folder is gone, and the journal has no end
};
[[nodiscard]] Result<DeadSegments> load_dead_segments(const JournalDir& directory);

/// One file of lanes/ that nobody writes to any more.
struct DeadSegment {
  std::shared_ptr<const FileBytes> file = {};  ///< nothing where it is no regular file
  format::SegmentFile seen = {};               ///< not `empty`: that is a spare, or unreadable
  std::string why = {};                        ///< it is unreadable
};
/// `is_last`: whether its number is the journal's highest; asked only where nothing else tells
/// whether an empty file is new. They are prepared in the order of their numbers. Errors: it cannot
/// be opened.
[[nodiscard]] Result<DeadSegment> look_at_dead_segment(const std::filesystem::path& path,
                                                       const std::function<bool()>& is_last);

/// What the names of a segment and of the journal that it lies in tell of it.
[[nodiscard]] format::SegmentIdentity segment_identity(const std::filesystem::path& path);

/// Whether the number of a segment is higher than all others, in lanes/ and in packs/.
[[nodiscard]] bool is_last_segment(const JournalDir& directory, std::uint32_t number);

/// What is told of a segment whose header was rebuilt; no record is lost by that alone.
[[nodiscard]] Damage rebuilt_header(const std::filesystem::path& path);

/// What a journal has lost whose folder of segments is gone.
[[nodiscard]] Damage without_lanes(const JournalDir& directory);

}  // namespace runlog
