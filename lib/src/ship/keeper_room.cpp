// The keeper's care for room: spares ahead of the writers, and what goes when the disk budget is
// used up.
#include <algorithm>

#include "platform/file_system.hpp"
#include "ship/keeper.hpp"
#include "ship/uploader.hpp"

namespace runlog {

void Keeper::prepare_spares() {
  SegmentPool& pool = journal_->pool();
  if (const std::uint64_t late = pool.late(); late != late_seen_) {
    late_seen_ = late;
    pool.want_more();
  }
  is_short_of_room_ = pool.spares() == 0 && Clock::now() < no_space_until_;
  while (pool.spares() < pool.wanted() && Clock::now() >= no_space_until_) {
    if (pool.disk_bytes() + pool.limits().segment_bytes > pool.limits().disk_budget) {
      if (!make_room()) {
        is_short_of_room_ = true;
        no_space_until_ = Clock::now() + kRetry_no_space_after;
        return;
      }
    }
    auto spare = pool.prepare();
    if (!spare) {
      report(spare.error());
      is_short_of_room_ = true;
      no_space_until_ = Clock::now() + kRetry_no_space_after;
      return;
    }
    pool.add(*spare);
    names_unsynced_ = true;
    journal_->notify_spare();
  }
}

// Room within the budget for one more segment: first what the store has anyway, then, if the user
// chose so, the oldest records nobody has yet.
bool Keeper::make_room() {
  SegmentPool& pool = journal_->pool();
  const auto fits = [&] {
    return pool.disk_bytes() + pool.limits().segment_bytes <= pool.limits().disk_budget;
  };
  evict_shipped(pool.limits().segment_bytes);
  while (!fits() && settings_.overflow == Overflow::drop_oldest_packed) {
    const std::uint64_t before = pool.disk_bytes();
    evict_oldest_pack();
    if (pool.disk_bytes() == before) break;
  }
  return fits();
}

void Keeper::evict_shipped(std::uint64_t wanted_bytes) {
  const std::filesystem::path shipped = journal_->directory().shipped();
  auto names = list_directory(shipped);
  if (!names) return;
  std::uint64_t freed = 0;
  for (const std::string& name : *names) {
    if (freed >= wanted_bytes) return;
    if (!parse_numbered_name(name, kPack_suffix)) continue;
    const auto info = stat_file(shipped / name);
    if (!info || !remove_file(shipped / name)) continue;
    freed += info->bytes;
    journal_->pool().add_disk_bytes(-static_cast<std::int64_t>(info->bytes));
  }
}

void Keeper::evict_oldest_pack() {
  const std::filesystem::path packs = journal_->directory().packs();
  auto names = list_directory(packs);
  if (!names) return;
  for (const std::string& name : *names) {
    if (!parse_numbered_name(name, kPack_suffix)) continue;
    const std::uint64_t rows = rows_in_pack(packs / name);
    const auto info = stat_file(packs / name);
    if (!info || !remove_file(packs / name)) return;
    journal_->pool().add_disk_bytes(-static_cast<std::int64_t>(info->bytes));
    const std::string why = "pack " + name + " evicted unshipped to make room (drop_oldest_packed)";
    (void)journal_->keeper_event({.kind = Kind::gap,
                                  .time_ns = journal_->now_ns(),
                                  .name = "evicted",
                                  .int_value = static_cast<std::int64_t>(rows),
                                  .text = why});
    report(Error{Errc::no_space, 0, why});
    const std::lock_guard lock(mutex_);
    stats_.dropped += rows;
    return;
  }
}

}  // namespace runlog
