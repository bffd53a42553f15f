#include "keep/spares.hpp"

#include <optional>
#include <utility>

#include "keep/packer.hpp"
#include "platform/directories.hpp"
#include "platform/file_system.hpp"

namespace runlog {
namespace {

constexpr std::chrono::milliseconds kRetry_no_space_after{500};
constexpr std::size_t kCounts_max = 4096;

}  // namespace

Spares::Spares(Journal& journal, Settings settings)
    : journal_(journal), settings_(std::move(settings)) {}

void Spares::prepare(Turn& turn) {
  SegmentPool& pool = journal_.pool();
  if (const std::uint64_t late = pool.late(); late != late_seen_) {
    late_seen_ = late;
    pool.want_more();
  }
  is_short_of_room_ = pool.spares() == 0 && Clock::now() < retry_at_;
  while (pool.spares() < pool.wanted() && Clock::now() >= retry_at_ && !turn.gives_up()) {
    if (!make_room()) return found_no_room();
    auto spare = pool.prepare();
    if (!spare) {
      settings_.report(spare.error());
      return found_no_room();
    }
    pool.add(*spare);
    journal_.notify_spare();
  }
}

void Spares::found_no_room() noexcept {
  is_short_of_room_ = true;
  retry_at_ = Clock::now() + kRetry_no_space_after;
}

void Spares::prepare_in_new_room(Turn& turn) {
  retry_at_ = {};
  prepare(turn);
}

void Spares::replace(Turn& turn) {
  SegmentPool& pool = journal_.pool();
  pool.discard_spares();
  if (pool.is_retired()) return;
  prepare(turn);
  if (auto made = pool.set_aside_for_end(); !made) settings_.report(made.error());
}

bool Spares::give_way_to_pack() noexcept {
  SegmentPool& pool = journal_.pool();
  if (pool.spares() == 0) return false;
  pool.discard_spares();
  retry_at_ = Clock::now() + kRetry_no_space_after;
  return true;
}

// Room within the budget for one more segment: first what the store has anyway, then, if the user
// chose so, the oldest records nobody has yet.
bool Spares::make_room() {
  SegmentPool& pool = journal_.pool();
  while (pool.bytes_over_budget(pool.limits().segment_bytes) != 0) {
    if (settings_.overflow != Overflow::drop_oldest_packed || !evict_oldest_pack()) return false;
  }
  return true;
}

bool Spares::evict_oldest_pack() {
  auto names = list_directory(journal_.directory().packs());
  if (!names) return false;
  for (const std::string& name : *names) {
    const auto number = parse_numbered_name(name, kPack_suffix);
    const auto pack = number ? packs_.find(*number) : packs_.end();
    if (pack == packs_.end()) continue;  // none of ours
    const PackCounts counts = pack->second;
    // What will be told needs memory, and so comes before the pack goes.
    const Error told{Errc::no_space, 0,
                     "pack " + name + " evicted unshipped to make room (drop_oldest_packed)"};
    std::optional<Result<void>> evicted;
    settings_.unless_shipping(*number, [&] {
      // What its gap records told of, nothing else will.
      evicted = journal_.evict(*number, counts.calls + counts.dropped, counts.records,
                               [&] { return remove_file(journal_.directory().packs() / name); });
    });
    if (!evicted) continue;
    if (!*evicted) return false;
    settings_.report(told);
    packs_.erase(pack);
    // The others were counted when they were dropped.
    evicted_calls_.fetch_add(counts.calls, std::memory_order_relaxed);
    return true;
  }
  return false;
}

// What is known of packs that are not waiting any more goes when it has become much.
void Spares::note_pack(const PackOutcome& pack) {
  if (settings_.overflow != Overflow::drop_oldest_packed) return;
  if (packs_.size() >= kCounts_max) {
    std::map<std::uint32_t, PackCounts> waiting;
    for (const std::string& name : names_in_directory(journal_.directory().packs())) {
      const auto number = parse_numbered_name(name, kPack_suffix);
      const auto known = number ? packs_.find(*number) : packs_.end();
      if (known != packs_.end()) waiting.insert(*known);
    }
    packs_ = std::move(waiting);
  }
  packs_[pack.number] = {pack.calls, pack.records_dropped, pack.lane_records};
}

}  // namespace runlog
