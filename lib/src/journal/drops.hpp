// Drops: how many calls were dropped, why, and how many of them gap records count. The counts are
// in memory and in the journal's crash file, from which read/untold reads them when the process is
// killed before it writes a gap record.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "platform/crash_layout.hpp"
#include "runlog/result.hpp"
#include "segment/segment_writer.hpp"

namespace runlog {

/// The numbers are those of the crash file (docs/format.md): new ones come last.
enum class DropReason : std::uint8_t {
  budget,       ///< the disk budget
  disk_full,    ///< ENOSPC
  quota,        ///< EDQUOT
  file_size,    ///< EFBIG
  read_only,    ///< EROFS
  descriptors,  ///< EMFILE, ENFILE
  memory,
  segment,  ///< none could be made, for another reason
  series,   ///< too many of them
  value,    ///< a large value could not be staged
  evicted,  ///< drop_oldest_packed: these had been kept before
};
inline constexpr std::size_t kDrop_reasons = 11;
static_assert(kDrop_reasons <= crash::kReasons_max);

/// Lanes behind those of the threads: the keeper's, the one for a run's last words, and that of the
/// segment in which recovery tells what the process could not (read/untold). The last is in no
/// tally.
inline constexpr std::int32_t kKeeper_lane = 33;
inline constexpr std::int32_t kEnd_lane = 34;
inline constexpr std::int32_t kTold_lane = 35;
static_assert(kEnd_lane < static_cast<std::int32_t>(crash::kChildren_slot));

/// What a gap record says.
[[nodiscard]] std::string_view drop_text(DropReason reason) noexcept;
/// Why there is no segment, by the error that says so.
[[nodiscard]] DropReason drop_reason(const Error& error) noexcept;

/// The gap record that tells of `calls`.
[[nodiscard]] format::Event gap_event(DropReason reason, std::uint64_t calls,
                                      std::int64_t time_ns) noexcept;

using DropCounts = std::array<std::uint64_t, kDrop_reasons>;

/// The tally in the map of a crash file. Where there is none, and in a child, which must not change
/// its parent's, nothing is shown.
class ShownTally {
 public:
  ShownTally() noexcept;
  /// From now on in `map`, which outlives all counts: a thread may be at the one before. Returns
  /// that one; once all counts are in the new one, leave() it. `is_shared`: children have it too.
  crash::Tally* move_to(std::byte* map, bool is_shared) noexcept;
  static void leave(crash::Tally& tally) noexcept;
  [[nodiscard]] crash::TallySlot* slot(std::int32_t lane) const noexcept;
  /// The same for who changes a count, which is_changed() then tells.
  [[nodiscard]] crash::TallySlot* changed_slot(std::int32_t lane) noexcept;
  /// Whether counts have changed since it was asked last.
  [[nodiscard]] bool is_changed() noexcept {
    return is_changed_.load(std::memory_order_relaxed) &&
           is_changed_.exchange(false, std::memory_order_relaxed);
  }
  void note_segment(std::uint32_t number) noexcept;
  /// `records`: that the pack's segments held, for the lanes miss them then.
  void begin_evicting(std::uint32_t pack, std::uint64_t total, std::uint64_t records) noexcept;
  void end_evicting(bool is_gone) noexcept;

  /// A pack has got its name.
  void note_pack() noexcept;

  /// In a forked child that has no journal: its parent, whose tally this is, tells of `calls`, or,
  /// when that is dead, whoever reads or recovers its journal. False: there is no such tally.
  bool add_childs(std::uint64_t calls, std::int64_t time_ns) noexcept;
  /// What children have added since it was asked last; the caller tells of it now.
  [[nodiscard]] std::uint64_t claim_childs() noexcept;

 private:
  [[nodiscard]] crash::Tally* tally() const noexcept;
  std::atomic<crash::Tally*> tally_ = nullptr;
  std::atomic<crash::Tally*> childs_ = nullptr;  // the same, if it is mapped in children
  std::atomic<std::uint32_t> next_segment_ = 0;
  std::atomic<bool> is_changed_ = false;
  std::atomic<std::uint64_t> childs_claimed_ = 0;
  const std::uint32_t generation_;
};

/// Those of one lane. What changes them is called by the lane's writer, unless it says otherwise.
class Drops {
 public:
  Drops(std::int32_t lane, ShownTally& shown) noexcept : lane_(lane), shown_(shown) {}

  void add(DropReason reason, std::uint64_t calls, std::int64_t time_ns) noexcept;
  /// Calls that were not kept. Any thread.
  [[nodiscard]] std::uint64_t total() const noexcept;
  [[nodiscard]] std::uint64_t total(DropReason reason) const noexcept {
    return at(reason).dropped.load(std::memory_order_relaxed);
  }

  /// Whether gap records of this lane tell of any. Any thread.
  [[nodiscard]] bool has_told() const noexcept;

  /// How many nobody tells of yet; the caller does so now, and nobody else. Any thread.
  [[nodiscard]] std::uint64_t claim(DropReason reason) noexcept;
  /// They could not be told. Any thread.
  void give_back(DropReason reason, std::uint64_t claimed) noexcept;

  /// Around the append of a gap record of `calls` as record `seq` of this lane, whoever's drops
  /// they are.
  void begin_telling(DropReason reason, std::uint64_t calls, std::int64_t seq) noexcept;
  void end_telling(DropReason reason, std::uint64_t calls, bool is_told) noexcept;

  /// The lane goes on in this segment.
  void note_segment(std::uint32_t number) noexcept;

  /// All counts once more: the tally has moved. Any thread.
  void show() noexcept;

 private:
  struct Count {
    std::atomic<std::uint64_t> dropped = 0;
    std::atomic<std::uint64_t> claimed = 0;  // of `dropped`, by whoever tells
    std::atomic<std::uint64_t> told = 0;     // by this lane, of any lane's
  };
  [[nodiscard]] Count& at(DropReason reason) noexcept {
    return counts_[static_cast<std::size_t>(reason)];
  }
  [[nodiscard]] const Count& at(DropReason reason) const noexcept {
    return counts_[static_cast<std::size_t>(reason)];
  }
  const std::int32_t lane_;
  ShownTally& shown_;
  std::atomic<std::int64_t> time_ns_ = 0;
  std::atomic<std::uint32_t> segment_ = 0;  // plus 1
  std::array<Count, kDrop_reasons> counts_ = {};
};

}  // namespace runlog
