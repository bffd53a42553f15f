// The keeper's way from segments to packs: which are closed, when that is final, and what happens
// to them once their records are in a pack.
#include <algorithm>
#include <new>
#include <utility>

#include "base/out_of_memory.hpp"
#include "keep/keeper.hpp"
#include "keep/packer.hpp"
#include "platform/crash_point.hpp"
#include "platform/file_system.hpp"
#include "platform/process.hpp"

namespace runlog {
namespace {

constexpr std::chrono::milliseconds kRetry_pack{1'000};
/// A disk that has had no room for a pack for so long is not just waiting for the store.
constexpr std::chrono::seconds kStarved{2};
/// So often lanes/ is synced before a pack is shipped whose segments have left it.
constexpr int kRemoval_syncs_max = 5;
/// Where the first record of a segment begins: behind the header and the first block head.
constexpr std::uint64_t kEmpty_at = format::kHeader_bytes + format::kBlock_head_bytes;

// From before the pack appears until its segments are gone, or until there will be no pack.
class HeldBack {
 public:
  HeldBack(Shipper& shipper, std::uint32_t pack) : shipper_(shipper) { shipper_.hold_back(pack); }
  ~HeldBack() {
    if (!is_kept_) shipper_.hold_nothing_back();
  }
  HeldBack(const HeldBack&) = delete;
  HeldBack& operator=(const HeldBack&) = delete;
  void keep() noexcept { is_kept_ = true; }

 private:
  Shipper& shipper_;
  bool is_kept_ = false;
};

}  // namespace

void Keeper::close_all(bool even_empty) {
  for (OpenSegment* segment : open_) {
    if (even_empty || segment->writer.at() > kEmpty_at) {
      segment->gate.request(Gate::kClose);
    }
  }
}

// Moves the segments that are closed and that no writer is in to closed_; see gate.hpp for why that
// is final. Others get their turn at the next look.
void Keeper::take_closed() {
  if (std::none_of(open_.begin(), open_.end(), [](auto* one) { return one->gate.is_closed(); }))
    return;
  membarrier_all();
  std::uint64_t sealed = 0;
  std::erase_if(open_, [&](OpenSegment* segment) {
    if (!segment->gate.is_closed() || !segment->gate.is_idle()) return false;
    segment->writer.seal();
    closed_.push_back(segment);  // collect_opened() has seen to the room
    ++sealed;
    return true;
  });
  const std::lock_guard lock(mutex_);
  stats_.segments_sealed += sealed;
}

// Packs closed segments while there are enough for a pack, or all of them. True when none is left
// that should have been packed.
bool Keeper::pack_closed(bool everything) {
  if (!remove_packed()) return false;
  if (!part_with_moved()) return false;
  if (Clock::now() < pack_retry_at_ && !everything) return false;
  while (remove_packed() && !closed_.empty()) {
    if (gives_up()) return false;
    std::size_t count = 0;
    std::uint64_t bytes = 0;
    while (count < closed_.size() && bytes < settings_.pack_bytes) {
      bytes += closed_[count++]->writer.at();
    }
    if (bytes < settings_.pack_bytes && !everything) return true;
    if (auto packed = pack_some(count); !packed) {
      if (gives_up()) return false;
      if (packed.error().code == Errc::busy) {  // some have moved
        if (!part_with_moved()) return false;
        continue;
      }
      if (is_out_of_memory(packed.error())) throw std::bad_alloc();
      report(packed.error());
      pack_retry_at_ = Clock::now() + kRetry_pack;
      SegmentPool& pool = journal_->pool();
      if (packed.error().code == Errc::no_space) {
        // What becomes free is for packs before long, which free more: neither writers nor
        // artifacts get it, or they would fill the disk with what can never be packed.
        if (pack_starves_since_ == Clock::time_point{}) pack_starves_since_ = Clock::now();
        if (Clock::now() - pack_starves_since_ > kStarved) pool.room().keep_for_packs(true);
        const bool has_dropped = pool.room().drop_copies_below_root(bytes) > 0;
        if (has_dropped && pack_some(count)) continue;
        if (count > 1 && pack_some(1)) continue;
        if (pool.spares() > 0) {
          pool.discard_spares();
          no_space_until_ = Clock::now() + kRetry_no_space_after;
          if (pack_some(count) || (count > 1 && pack_some(1))) continue;
        }
      }
      return false;
    }
  }
  if (closed_.empty()) end_starving();
  return closed_.empty();
}

void Keeper::end_starving() noexcept {
  pack_starves_since_ = {};
  journal_->pool().room().keep_for_packs(false);
}

// What has moved away is packed by whoever recovers it there, and not twice.
bool Keeper::part_with_moved() {
  if (closed_.empty()) return true;
  syncer_->look_at_files();
  std::erase_if(closed_, [&](OpenSegment* segment) {
    if (!segment->has_moved) return false;
    if (auto synced = segment->file.sync(0, segment->writer.at()); !synced) {
      report(synced.error());
    }
    if (!syncer_->let_go(*segment)) return false;
    (void)journal_->pool().discard(segment);
    return true;
  });
  return std::none_of(closed_.begin(), closed_.end(),
                      [](const OpenSegment* segment) { return segment->has_moved.load(); });
}

Result<void> Keeper::pack_some(std::size_t count) {
  std::vector<SegmentInput> inputs;
  for (std::size_t i = 0; i < count; ++i) {
    OpenSegment* const segment = closed_[i];
    inputs.push_back({.bytes = segment->file.bytes(),
                      .header = segment->header,
                      .path = segment->file.path().native(),
                      .end_seq = segment->writer.next_seq()});
  }
  if (auto alive = journal_->revive(); !alive) return alive;
  // The shipper may come by at any time: for what was packed before, or with a retry.
  HeldBack held_back(*shipper_, pack_number(inputs));
  // Of what has moved since part_with_moved(). Asked when the pack's file is open: if the journal
  // moves after that, so does this file, and the pack cannot get its name in the new place.
  bool has_looked = false;
  const auto has_moved = [&] {
    if (!std::exchange(has_looked, true)) syncer_->look_at_files();
    const auto end = closed_.begin() + static_cast<std::ptrdiff_t>(count);
    return std::any_of(closed_.begin(), end, [](auto* one) { return one->has_moved.load(); });
  };
  SeriesTable& series = journal_->series();
  auto packed = make_pack(
      journal_->directory(), journal_->meta(), inputs,
      [&](std::uint32_t number) -> std::optional<std::string> {
        const std::string_view name = series.name(number);
        if (name.empty()) return {};
        return std::string(name);
      },
      // A fast writer uses up its spares while a pack is being made.
      [&] {
        if (!journal_->pool().is_retired() && !is_short_of_room_) prepare_spares();
        return !gives_up() && !has_moved();
      });
  if (!packed) return std::move(packed).error();
  // The pack is there. Nothing below may fail before this is known.
  end_starving();
  held_back.keep();
  has_pack_reserve_ = false;
  packed_ = count;
  is_removal_unsynced_ = true;
  is_pack_unsynced_ = !packed->name_synced;
  if (is_pack_unsynced_) report(packed->name_synced.error());
  journal_->pool().room().add_pack(packed->bytes);
  {
    const std::lock_guard lock(mutex_);
    if (packed->is_made) ++stats_.packs_made;
    stats_.records_lost += packed->records_lost;
  }
  if (packed->is_made) note_counts(*packed);
  (void)remove_packed();  // where it gives up, the next round goes on
  for (const Damage& damage : packed->damage) {
    report(Error{Errc::corrupt, 0,
                 damage.path + ": " + std::to_string(damage.records_lost) + " records lost in [" +
                     std::to_string(damage.begin) + ", " + std::to_string(damage.end) +
                     "): " + damage.why});
  }
  return {};
}

// The segment's file is no segment any more, and the next pack's. It has its bytes until it is
// unmapped.
bool Keeper::become_reserve(const OpenSegment& segment) {
  has_pack_reserve_ =
      rename_file(segment.file.path(), journal_->directory().pack_reserve(), true).has_value();
  return has_pack_reserve_;
}

// Removes the segments that are in a pack, and lets the pack be shipped. False: given up, or it
// failed, and it goes on with the next call: until then the pack waits, for as long as a segment of
// it is in lanes/ its records would be packed once more.
bool Keeper::remove_packed() {
  if (!is_removal_unsynced_) return true;
  SegmentPool& pool = journal_->pool();
  if (is_pack_unsynced_) {
    if (auto synced = sync_directory(journal_->directory().packs()); !synced) {
      report(synced.error());
      return false;
    }
    is_pack_unsynced_ = false;
  }
  while (packed_ > 0) {
    if (gives_up()) return false;
    OpenSegment* const segment = closed_.front();
    // Only on a full disk, where somebody else might take the blocks of a file that is removed.
    const bool is_wanted = is_short_of_room_ && pool.spares() < pool.wanted() &&
                           pool.budgeted_bytes() <= pool.limits().disk_budget;
    if (!syncer_->let_go(*segment)) return false;
    // Nor does it get the inode of the next pack: where there is no other, there would never be
    // one.
    const bool is_reserve = !has_pack_reserve_ && become_reserve(*segment);
    if (!is_wanted && !is_reserve) {
      if (auto removed = pool.remove_records(*segment); !removed) {
        report(removed.error());
        return false;
      }
    }
    closed_.erase(closed_.begin());
    --packed_;
    const auto gone = is_wanted && !is_reserve ? pool.recycle(segment) : pool.discard(segment);
    crash_point("in_remove");
    if (!gone) report(gone.error());
    if (is_reserve)
      (void)OpenFile::open(journal_->directory().pack_reserve(), Access::write_emptied);
  }
  crash_point("after_segments_removed");
  journal_->notify_spare();
  if (gives_up()) return false;
  // Before the pack is shipped: its segments have left lanes/ for good. A directory that can never
  // be synced does not keep records from the store for ever: only a power loss would tell.
  if (auto synced = sync_directory(journal_->directory().lanes()); !synced) {
    report(synced.error());
    if (++removal_syncs_failed_ < kRemoval_syncs_max) return false;
  }
  removal_syncs_failed_ = 0;
  is_removal_unsynced_ = false;
  shipper_->hold_nothing_back();
  return true;
}

}  // namespace runlog
