// Packer: makes one pack in packs/ from sealed segments, for the keeper and for recovery.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "journal/journal_dir.hpp"
#include "journal/meta.hpp"
#include "runlog/record.hpp"
#include "runlog/result.hpp"
#include "segment/segment_merge.hpp"

namespace runlog {

struct PackOutcome {
  bool is_made = false;      ///< false: the segments held nothing, there is no pack
  std::uint32_t number = 0;  ///< pack_number()
  std::filesystem::path path = {};
  /// Failed: the pack is there and stays, but its name may not survive a power loss yet. packs/ is
  /// to be synced before the segments go; the pack is not to be made again.
  Result<void> name_synced = {};
  std::uint64_t bytes = 0;
  std::uint64_t records = 0;
  std::uint64_t records_lost = 0;
  std::uint64_t records_dropped = 0;  ///< counted by the gap records in it
  std::uint64_t calls = 0;            ///< those of its records that a call of the user made
  std::uint64_t lane_records = 0;     ///< of its segments, those lost included
  std::vector<Damage> damage = {};
  /// Per segment as given: whether reading it met damage.
  std::vector<bool> is_damaged = {};
  RunEnd status = RunEnd::open;  ///< of the last end record in it, if any
  std::string status_text = {};
};

/// The number that a pack of these segments gets: their lowest. There is one at least.
[[nodiscard]] std::uint32_t pack_number(const std::vector<SegmentInput>& segments);

/// Sets a file aside in packs/ for the next pack, which needs a free inode otherwise: on a disk
/// without any, segments only go once there is a pack. Errors: io, no_space.
[[nodiscard]] Result<void> reserve_pack(const JournalDir& directory);

/// Writes packs/<number>.parquet: aside, fsync, rename, fsync of the directory. When this returns,
/// and name_synced is success, the segments may go. Memory: one row group. Errors: no_space, io;
/// nothing is left behind then.
/// `in_between`, where given, is called every few milliseconds of work, until the pack gets its
/// name; when it says false, the pack is given up, nothing is left behind and the error is `busy`.
Result<PackOutcome> make_pack(const JournalDir& directory, const Meta& meta,
                              const std::vector<SegmentInput>& segments, FindName find_name,
                              const std::function<bool()>& in_between = {});

}  // namespace runlog
