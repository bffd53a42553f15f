#include "keep/housekeeping.hpp"

#include <algorithm>
#include <new>
#include <span>
#include <string>
#include <thread>
#include <utility>

#include "base/out_of_memory.hpp"
#include "keep/packer.hpp"
#include "platform/crash_point.hpp"
#include "platform/file_system.hpp"

namespace runlog {
namespace {

/// Between attempts to pack, or to remove what is packed, after one that failed.
constexpr std::chrono::milliseconds kRetry_background{500};
constexpr std::chrono::milliseconds kRetry_pack{1'000};
/// A disk that has had no room for a pack for so long is not just waiting for the store.
constexpr std::chrono::seconds kStarved{2};
/// So often lanes/ is synced before a pack is shipped whose segments have left it.
constexpr int kRemoval_syncs_max = 5;
/// So often a writer is looked for that is in the middle of its append.
constexpr int kWriter_looks_max = 1000;
/// Where the first record of a segment begins: behind the header and the first block head.
constexpr std::uint64_t kEmpty_at = format::kHeader_bytes + format::kBlock_head_bytes;

// From before the pack appears until its segments are gone, or until there will be no pack.
class HeldBack {
 public:
  HeldBack(const Housekeeping::Shipping& shipping, std::uint32_t pack) : shipping_(shipping) {
    shipping_.hold_back(pack);
  }
  ~HeldBack() {
    if (!is_kept_) shipping_.hold_nothing_back();
  }
  HeldBack(const HeldBack&) = delete;
  HeldBack& operator=(const HeldBack&) = delete;
  void keep() noexcept { is_kept_ = true; }

 private:
  const Housekeeping::Shipping& shipping_;
  bool is_kept_ = false;
};

void make_room_for(std::vector<OpenSegment*>& list, std::size_t count) {
  if (list.capacity() < count) list.reserve(2 * count);
}

// By who has the Turn, so that no addition is lost.
void add(std::atomic<std::uint64_t>& count, std::uint64_t more) noexcept {
  count.fetch_add(more, std::memory_order_relaxed);
}

}  // namespace

Housekeeping::Housekeeping(Journal& journal, Syncer& syncer, Settings settings)
    : journal_(journal),
      syncer_(syncer),
      settings_(std::move(settings)),
      spares_(journal, {.overflow = settings_.overflow,
                        .unless_shipping = settings_.shipping.unless_busy_with,
                        .report = settings_.report}),
      has_pack_reserve_(reserve_pack(journal.directory()).has_value()) {}

Housekeeping::~Housekeeping() {
  while (opened_ != nullptr) std::exchange(opened_, opened_->next_opened)->release();
  for (OpenSegment* segment : open_) segment->release();
  for (OpenSegment* segment : closed_) segment->release();
}

std::optional<Housekeeping::Outcome> Housekeeping::round(Turn& turn, Wish wish) {
  const bool wants_all = wish.everything || wish.end;
  if (wish.end) journal_.pool().retire();
  collect_opened();
  if (!wish.end) spares_.prepare(turn);
  if (!has_pack_reserve_) has_pack_reserve_ = reserve_pack(journal_.directory()).has_value();
  if (turn.gives_up()) return {};
  if (syncer_.has_lost_files()) spares_.replace(turn);
  const bool saves_orphans = syncer_.has_orphans();
  if (wants_all) close_all(wish.end);
  take_closed();
  if (wants_all || saves_orphans) wait_for_writers(turn);
  if (turn.gives_up()) return {};
  // Packed records take a fraction of the room of their segments.
  const bool is_packed =
      pack_closed(turn, wants_all || saves_orphans || spares_.is_short_of_room());
  if (turn.gives_up()) return {};
  if (!is_packed && is_put_off_) return Outcome{.is_put_off = true};
  if (spares_.is_short_of_room() && !wish.end) spares_.prepare_in_new_room(turn);
  const std::uint64_t packs = packs_made_.load(std::memory_order_relaxed);
  return Outcome{.is_packed = is_packed,
                 .is_empty = is_packed && open_.empty(),
                 .has_new_packs = std::exchange(packs_seen_, packs) != packs};
}

Housekeeping::Clock::time_point Housekeeping::due(Turn& /*turn*/,
                                                  Clock::time_point now) const noexcept {
  auto due = Clock::time_point::max();
  if (spares_.is_short_of_room()) due = spares_.retry_at();
  if (is_removal_unsynced_ || (!closed_.empty() && pack_retry_at_ > now)) {
    due = std::min(due, now + kRetry_background);
  }
  return due;
}

void Housekeeping::discard_reserves(Turn& /*turn*/) noexcept {
  journal_.pool().discard_spares();
  journal_.pool().discard_for_end();
  try {
    (void)remove_file(journal_.directory().pack_reserve());
  } catch (const std::bad_alloc&) {
    // An empty file stays.
  }
}

Housekeeping::Counts Housekeeping::counts() const noexcept {
  return {.segments_sealed = segments_sealed_.load(std::memory_order_relaxed),
          .packs_made = packs_made_.load(std::memory_order_relaxed),
          .records_lost = records_lost_.load(std::memory_order_relaxed),
          .evicted_calls = spares_.evicted_calls()};
}

void Housekeeping::collect_opened() {
  OpenSegment** end = &opened_;
  while (*end != nullptr) end = &(*end)->next_opened;
  *end = syncer_.take_opened();
  while (opened_ != nullptr) {
    make_room_for(open_, open_.size() + 1);
    make_room_for(closed_, closed_.size() + open_.size() + 1);
    open_.push_back(std::exchange(opened_, opened_->next_opened));
  }
}

void Housekeeping::close_all(bool even_empty) {
  for (OpenSegment* segment : open_) {
    if (segment->lane == kEnd_lane && journal_.is_telling_end()) continue;
    if (even_empty || segment->writer.at() > kEmpty_at) {
      segment->gate.request(Gate::kClose);
    }
  }
}

// Moves the segments that are closed and that no writer is in to closed_; see gate.hpp for why that
// is final. Others get their turn at the next look.
void Housekeeping::take_closed() {
  if (std::none_of(open_.begin(), open_.end(), [](auto* one) { return one->gate.is_closed(); }))
    return;
  membarrier_all();
  std::erase_if(open_, [&](OpenSegment* segment) {
    if (!segment->gate.is_closed() || !segment->gate.is_idle()) return false;
    segment->writer.seal();
    closed_.push_back(segment);  // collect_opened() has seen to the room
    add(segments_sealed_, 1);
    return true;
  });
}

// Of closed segments. A writer may be in the middle of its append for a moment; at the end nobody
// appends any more.
void Housekeeping::wait_for_writers(Turn& turn) {
  for (int looks = 0; looks < kWriter_looks_max && !turn.gives_up(); ++looks) {
    if (std::none_of(open_.begin(), open_.end(), [](auto* one) { return one->gate.is_closed(); }))
      return;
    std::this_thread::yield();
    take_closed();
  }
}

Housekeeping::Batch Housekeeping::next_pack() const noexcept {
  Batch batch;
  while (batch.count < closed_.size() && batch.bytes < settings_.pack_bytes) {
    batch.bytes += closed_[batch.count++]->writer.at();
  }
  return batch;
}

// Packs closed segments while there are enough for a pack, or all of them. True when none is left
// that should have been packed.
bool Housekeeping::pack_closed(Turn& turn, bool everything) {
  if (!remove_packed(turn)) return false;
  if (!part_with_moved()) return false;
  if (Clock::now() < pack_retry_at_ && !everything) return false;
  while (remove_packed(turn) && !closed_.empty()) {
    if (turn.gives_up()) return false;
    const Batch batch = next_pack();
    if (batch.bytes < settings_.pack_bytes && !everything) return true;
    const auto packed = pack_some(turn, batch.count);
    if (packed) continue;
    if (turn.gives_up()) return false;
    if (packed.error().code == Errc::busy) {  // some have moved
      if (!part_with_moved()) return false;
      continue;
    }
    if (is_out_of_memory(packed.error())) throw std::bad_alloc();
    settings_.report(packed.error());
    pack_retry_at_ = Clock::now() + kRetry_pack;
    if (packed.error().code != Errc::no_space || !pack_without_room(turn, batch)) return false;
  }
  if (closed_.empty()) end_starving();
  return closed_.empty();
}

// What becomes free is for packs before long, which free more: neither writers nor artifacts get
// it, or they would fill the disk with what can never be packed.
bool Housekeeping::pack_without_room(Turn& turn, Batch batch) {
  DiskRoom& room = journal_.pool().room();
  if (pack_starves_since_ == Clock::time_point{}) pack_starves_since_ = Clock::now();
  if (Clock::now() - pack_starves_since_ > kStarved) room.keep_for_packs(true);
  const bool has_dropped = room.drop_copies_below_root(batch.bytes) > 0;
  if (has_dropped && pack_some(turn, batch.count)) return true;
  if (batch.count > 1 && pack_some(turn, 1)) return true;
  if (!spares_.give_way_to_pack()) return false;
  return pack_some(turn, batch.count) || (batch.count > 1 && pack_some(turn, 1));
}

void Housekeeping::end_starving() noexcept {
  pack_starves_since_ = {};
  journal_.pool().room().keep_for_packs(false);
}

// What has moved away is packed by whoever recovers it there, and not twice.
bool Housekeeping::part_with_moved() {
  if (closed_.empty()) return true;
  syncer_.look_at_files();
  syncer_.look_at_files(closed_);
  std::erase_if(closed_, [&](OpenSegment* segment) {
    if (!segment->has_moved) return false;
    if (auto synced = segment->file.sync(0, segment->writer.at()); !synced) {
      settings_.report(synced.error());
    }
    if (!syncer_.let_go(*segment)) {
      is_put_off_ = true;
      return false;
    }
    (void)journal_.pool().discard(segment);
    return true;
  });
  return !is_put_off_;
}

Result<void> Housekeeping::pack_some(Turn& turn, std::size_t count) {
  std::vector<SegmentInput> inputs;
  for (std::size_t i = 0; i < count; ++i) {
    OpenSegment* const segment = closed_[i];
    inputs.push_back({.bytes = segment->file.bytes(),
                      .header = segment->header,
                      .path = segment->file.path().native(),
                      .end_seq = segment->writer.next_seq(),
                      .may_hide_drops = journal_.has_told_drops(segment->lane)});
  }
  if (auto alive = journal_.home().revive(); !alive) return alive;
  // The shipper may come by at any time: for what was packed before, or with a retry.
  HeldBack held_back(settings_.shipping, pack_number(inputs));
  // Of what has moved since part_with_moved(). Asked when the pack's file is open: if the journal
  // moves after that, so does this file, and the pack cannot get its name in the new place.
  bool has_looked = false;
  const std::span<OpenSegment* const> batch = std::span(closed_).first(count);
  const auto has_moved = [&] {
    if (!std::exchange(has_looked, true)) syncer_.look_at_files(batch);
    return std::any_of(batch.begin(), batch.end(), [](auto* one) { return one->has_moved.load(); });
  };
  SeriesTable& series = journal_.series();
  auto packed = make_pack(
      journal_.directory(), journal_.meta(), inputs,
      [&](std::uint32_t number) -> std::optional<std::string> {
        const std::string_view name = series.name(number);
        if (name.empty()) return {};
        return std::string(name);
      },
      // A fast writer uses up its spares while a pack is being made.
      [&] {
        if (!journal_.pool().is_retired() && !spares_.is_short_of_room()) spares_.prepare(turn);
        return !turn.gives_up() && !has_moved();
      });
  if (!packed) return std::move(packed).error();
  held_back.keep();
  note_pack(*packed, count);
  (void)remove_packed(turn);  // where it gives up, the next round goes on
  for (const Damage& damage : packed->damage) {
    settings_.report(Error{Errc::corrupt, 0,
                           damage.path + ": " + std::to_string(damage.records_lost) +
                               " records lost in [" + std::to_string(damage.begin) + ", " +
                               std::to_string(damage.end) + "): " + damage.why});
  }
  return {};
}

// The pack is there: nothing may fail before `packed_` and what belongs to it say so.
void Housekeeping::note_pack(const PackOutcome& packed, std::size_t count) {
  end_starving();
  has_pack_reserve_ = false;
  packed_ = count;
  is_removal_unsynced_ = true;
  is_pack_unsynced_ = !packed.name_synced;
  if (is_pack_unsynced_) settings_.report(packed.name_synced.error());
  journal_.pool().room().add_pack(packed.bytes);
  add(records_lost_, packed.records_lost);
  if (!packed.is_made) return;
  journal_.note_pack();
  settings_.shipping.expect(packed.number, packed.records);
  add(packs_made_, 1);
  spares_.note_pack(packed);
}

// Removes the segments that are in a pack, and lets the pack be shipped. False: given up, or it
// failed, and it goes on with the next call: until then the pack waits, for as long as a segment of
// it is in lanes/ its records would be packed once more.
bool Housekeeping::remove_packed(Turn& turn) {
  is_put_off_ = false;
  if (!is_removal_unsynced_) return true;
  if (is_pack_unsynced_) {
    if (auto synced = sync_directory(journal_.directory().packs()); !synced) {
      settings_.report(synced.error());
      return false;
    }
    is_pack_unsynced_ = false;
  }
  while (packed_ > 0) {
    if (turn.gives_up() || !remove_first_packed()) return false;
  }
  crash_point("after_segments_removed");
  journal_.notify_spare();
  if (turn.gives_up() || !sync_removal()) return false;
  settings_.shipping.hold_nothing_back();
  return true;
}

bool Housekeeping::remove_first_packed() {
  SegmentPool& pool = journal_.pool();
  OpenSegment* const segment = closed_.front();
  // Only on a full disk, where somebody else might take the blocks of a file that is removed.
  const bool is_wanted = spares_.is_short_of_room() && pool.spares() < pool.wanted() &&
                         pool.budgeted_bytes() <= pool.limits().disk_budget;
  is_put_off_ = !syncer_.let_go(*segment);
  if (is_put_off_) return false;
  // Nor does it get the inode of the next pack: where there is no other, there would never be one.
  const bool is_reserve = !has_pack_reserve_ && become_reserve(*segment);
  if (!is_wanted && !is_reserve) {
    if (auto removed = pool.remove_records(*segment); !removed) {
      settings_.report(removed.error());
      return false;
    }
  }
  closed_.erase(closed_.begin());
  --packed_;
  const auto gone = is_wanted && !is_reserve ? pool.recycle(segment) : pool.discard(segment);
  crash_point("in_remove");
  if (!gone) settings_.report(gone.error());
  if (is_reserve) (void)OpenFile::open(journal_.directory().pack_reserve(), Access::write_emptied);
  return true;
}

// The segment's file is no segment any more, and the next pack's. It has its bytes until it is
// unmapped.
bool Housekeeping::become_reserve(const OpenSegment& segment) {
  has_pack_reserve_ =
      rename_file(segment.file.path(), journal_.directory().pack_reserve(), true).has_value();
  return has_pack_reserve_;
}

// Before the pack is shipped: its segments have left lanes/ for good. A directory that can never be
// synced does not keep records from the store for ever: only a power loss would tell.
bool Housekeeping::sync_removal() {
  if (auto synced = sync_directory(journal_.directory().lanes()); !synced) {
    settings_.report(synced.error());
    if (++removal_syncs_failed_ < kRemoval_syncs_max) return false;
  }
  removal_syncs_failed_ = 0;
  is_removal_unsynced_ = false;
  return true;
}

}  // namespace runlog
