// The keeper's way from segments to packs: which are closed, when that is final, and what happens
// to them once their records are in a pack.
#include <algorithm>

#include "platform/crash_point.hpp"
#include "platform/file_system.hpp"
#include "platform/process.hpp"
#include "ship/keeper.hpp"
#include "ship/packer.hpp"

namespace runlog {
namespace {

constexpr std::chrono::milliseconds kRetry_pack{1'000};
/// Where the first record of a segment begins: behind the header and the first block head.
constexpr std::uint64_t kEmpty_at = format::kHeader_bytes + format::kBlock_head_bytes;

class HeldBack {
 public:
  HeldBack(Shipper& shipper, std::uint32_t pack) : shipper_(shipper) { shipper_.hold_back(pack); }
  ~HeldBack() { shipper_.hold_nothing_back(); }
  HeldBack(const HeldBack&) = delete;
  HeldBack& operator=(const HeldBack&) = delete;

 private:
  Shipper& shipper_;
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
    closed_.push_back(segment);
    ++sealed;
    return true;
  });
  const std::lock_guard lock(mutex_);
  stats_.segments_sealed += sealed;
}

// Packs closed segments while there are enough for a pack, or all of them. True when none is left
// that should have been packed.
bool Keeper::pack_closed(bool everything) {
  if (Clock::now() < pack_retry_at_ && !everything) return false;
  while (!closed_.empty()) {
    std::size_t count = 0;
    std::uint64_t bytes = 0;
    while (count < closed_.size() && bytes < settings_.pack_bytes) {
      bytes += closed_[count++]->writer.at();
    }
    if (bytes < settings_.pack_bytes && !everything) return true;
    if (auto packed = pack_some(count); !packed) {
      report(packed.error());
      pack_retry_at_ = Clock::now() + kRetry_pack;
      // On a full disk a spare is better spent as room for the pack, which frees several segments.
      if (packed.error().code == Errc::no_space && journal_->pool().spares() > 0) {
        journal_->pool().discard_spares();
        no_space_until_ = Clock::now() + kRetry_no_space_after;
        if (pack_some(count)) continue;
      }
      return false;
    }
  }
  return true;
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
  const HeldBack until_segments_are_gone(*shipper_, pack_number(inputs));
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
      });
  if (!packed) return std::move(packed).error();
  SegmentPool& pool = journal_->pool();
  pool.add_disk_bytes(static_cast<std::int64_t>(packed->bytes));
  Result<void> result;
  for (std::size_t i = 0; i < count; ++i) {
    // Only on a full disk, where somebody else might take the blocks of a file that is removed.
    const bool is_wanted = is_short_of_room_ && pool.spares() < pool.wanted() &&
                           pool.disk_bytes() <= pool.limits().disk_budget;
    auto gone = is_wanted ? pool.recycle(closed_[i]) : pool.discard(closed_[i]);
    crash_point("in_remove");
    if (!gone && result) result = std::move(gone);
  }
  crash_point("after_segments_removed");
  closed_.erase(closed_.begin(), closed_.begin() + static_cast<std::ptrdiff_t>(count));
  journal_->notify_spare();
  if (!result) report(result.error());
  // Before the pack is shipped: its segments have left lanes/ for good.
  if (auto synced = sync_directory(journal_->directory().lanes()); !synced) report(synced.error());
  for (const Damage& damage : packed->damage) {
    report(Error{Errc::corrupt, 0,
                 damage.path + ": " + std::to_string(damage.records_lost) + " records lost in [" +
                     std::to_string(damage.begin) + ", " + std::to_string(damage.end) +
                     "): " + damage.why});
  }
  {
    const std::lock_guard lock(mutex_);
    if (packed->is_made) ++stats_.packs_made;
    stats_.records_lost += packed->records_lost;
  }
  return {};
}

}  // namespace runlog
