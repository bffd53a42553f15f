// The keeper's care for room: spares ahead of the writers, and what goes when the disk budget is
// used up.
#include <algorithm>
#include <new>
#include <optional>

#include "keep/keeper.hpp"
#include "keep/packer.hpp"
#include "platform/directories.hpp"
#include "platform/file_system.hpp"

namespace runlog {
namespace {

constexpr std::size_t kCounts_max = 4096;

}  // namespace

void Keeper::prepare_spares() {
  SegmentPool& pool = journal_->pool();
  if (const std::uint64_t late = pool.late(); late != late_seen_) {
    late_seen_ = late;
    pool.want_more();
  }
  is_short_of_room_ = pool.spares() == 0 && Clock::now() < no_space_until_;
  while (pool.spares() < pool.wanted() && Clock::now() >= no_space_until_ && !gives_up()) {
    if (!make_room()) {
      is_short_of_room_ = true;
      no_space_until_ = Clock::now() + kRetry_no_space_after;
      return;
    }
    auto spare = pool.prepare();
    if (!spare) {
      report(spare.error());
      is_short_of_room_ = true;
      no_space_until_ = Clock::now() + kRetry_no_space_after;
      return;
    }
    pool.add(*spare);
    journal_->notify_spare();
  }
}

// Room within the budget for one more segment: first what the store has anyway, then, if the user
// chose so, the oldest records nobody has yet.
bool Keeper::make_room() {
  SegmentPool& pool = journal_->pool();
  const auto fits = [&] { return pool.bytes_over_budget(pool.limits().segment_bytes) == 0; };
  while (!fits()) {
    if (settings_.overflow != Overflow::drop_oldest_packed || !evict_oldest_pack()) return false;
  }
  return true;
}

bool Keeper::evict_oldest_pack() {
  const std::filesystem::path packs = journal_->directory().packs();
  auto names = list_directory(packs);
  if (!names) return false;
  for (const std::string& name : *names) {
    const auto number = parse_numbered_name(name, kPack_suffix);
    const auto pack = number ? counts_.find(*number) : counts_.end();
    if (pack == counts_.end()) continue;  // none of ours
    const PackCounts counts = pack->second;
    // What will be told needs memory, and so comes before the pack goes.
    const std::string why = "pack " + name + " evicted unshipped to make room (drop_oldest_packed)";
    Error told{Errc::no_space, 0, why};
    std::optional<Result<void>> evicted;
    shipper_->unless_busy_with(*number, [&] {
      // What its gap records told of, nothing else will.
      evicted = journal_->evict(*number, counts.calls + counts.dropped, counts.records,
                                [&] { return remove_file(packs / name); });
    });
    if (!evicted) continue;
    if (!*evicted) return false;
    report(told);
    counts_.erase(pack);
    const std::lock_guard lock(mutex_);
    stats_.dropped += counts.calls;  // the others were counted when they were dropped
    return true;
  }
  return false;
}

void Keeper::discard_reserves() noexcept {
  journal_->pool().discard_spares();
  journal_->pool().discard_for_end();
  try {
    (void)remove_file(journal_->directory().pack_reserve());
  } catch (const std::bad_alloc&) {
    // An empty file stays.
  }
}

// What is known of packs that are not waiting any more goes when it has become much.
void Keeper::note_counts(const PackOutcome& packed) {
  if (settings_.overflow != Overflow::drop_oldest_packed) return;
  if (counts_.size() >= kCounts_max) {
    std::map<std::uint32_t, PackCounts> waiting;
    for (const std::string& name : names_in_directory(journal_->directory().packs())) {
      const auto number = parse_numbered_name(name, kPack_suffix);
      const auto pack = number ? counts_.find(*number) : counts_.end();
      if (pack != counts_.end()) waiting.insert(*pack);
    }
    counts_ = std::move(waiting);
  }
  counts_[packed.number] = {packed.calls, packed.records_dropped, packed.lane_records};
}

}  // namespace runlog
