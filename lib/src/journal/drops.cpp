#include "journal/drops.hpp"

#include <algorithm>
#include <cerrno>

#include "platform/crash_point.hpp"
#include "platform/process_key.hpp"

namespace runlog {
namespace {

// The kernel writes the page back at any time and another process reads it: each word as a whole,
// and in this order.
template <typename Word>
void show(Word& word, Word value) noexcept {
  std::atomic_ref(word).store(value, std::memory_order_release);
}

constexpr std::array<std::string_view, kDrop_reasons> kTexts = {
    "no space for a segment: the disk budget is used up",
    "no space for a segment: the disk is full",
    "no space for a segment: the disk quota is used up",
    "no space for a segment: the limit of file sizes (ulimit -f) is reached",
    "no segment could be made: the file system is read-only",
    "no free descriptor to open a segment",
    "no memory to map a segment",
    "no segment could be made",
    "no further series: a journal holds 1000000 of them, or there was no memory for another",
    "what the calls wrote could not be kept",
    "in packs that were removed unshipped to make room (drop_oldest_packed)",
};

}  // namespace

std::string_view drop_text(DropReason reason) noexcept {
  return kTexts[static_cast<std::size_t>(reason)];
}

DropReason drop_reason(const Error& error) noexcept {
  switch (error.os_errno) {
    case 0:
      return error.code == Errc::no_space ? DropReason::budget : DropReason::segment;
    case ENOSPC:
      return DropReason::disk_full;
    case EDQUOT:
      return DropReason::quota;
    case EFBIG:
      return DropReason::file_size;
    case EROFS:
      return DropReason::read_only;
    case EMFILE:
    case ENFILE:
      return DropReason::descriptors;
    case ENOMEM:
      return DropReason::memory;
    default:
      return DropReason::segment;
  }
}

format::Event gap_event(DropReason reason, std::uint64_t calls, std::int64_t time_ns) noexcept {
  return {.kind = Kind::gap,
          .time_ns = time_ns,
          .name = reason == DropReason::evicted ? "evicted" : "dropped",
          .int_value = static_cast<std::int64_t>(calls),
          .text = drop_text(reason)};
}

ShownTally::ShownTally() noexcept : generation_(process_generation()) {}

crash::Tally* ShownTally::tally() const noexcept {
  return process_generation() == generation_ ? tally_.load(std::memory_order_acquire) : nullptr;
}

crash::Tally* ShownTally::move_to(std::byte* map, bool is_shared) noexcept {
  auto* const tally = reinterpret_cast<crash::Tally*>(map + crash::kTally_at);
  show(tally->next_segment, next_segment_.load(std::memory_order_relaxed));
  if (tally_.load(std::memory_order_relaxed) != nullptr) show(tally->continues, std::uint64_t{1});
  show(tally->magic, crash::tally_magic());
  childs_.store(is_shared ? tally : nullptr, std::memory_order_release);
  return tally_.exchange(tally, std::memory_order_acq_rel);
}

void ShownTally::leave(crash::Tally& tally) noexcept {
  show(tally.is_continued, std::uint64_t{1});
}

crash::TallySlot* ShownTally::slot(std::int32_t lane) const noexcept {
  crash::Tally* const shown = tally();
  const auto index = static_cast<std::size_t>(lane);
  return shown != nullptr && index < crash::kTally_slots ? &shown->slot[index] : nullptr;
}

crash::TallySlot* ShownTally::changed_slot(std::int32_t lane) noexcept {
  // Many writers drop at once: the line is written when it must be.
  if (!is_changed_.load(std::memory_order_relaxed)) {
    is_changed_.store(true, std::memory_order_relaxed);
  }
  return slot(lane);
}

void ShownTally::note_segment(std::uint32_t number) noexcept {
  std::uint32_t next = next_segment_.load(std::memory_order_relaxed);
  while (next <= number && !next_segment_.compare_exchange_weak(next, number + 1)) {
  }
  // A thread with an older number may come last: then the file says too little until the next one.
  // Whoever reads it looks at the segments and packs as well.
  if (crash::Tally* const shown = tally()) show(shown->next_segment, std::max(next, number + 1));
}

void ShownTally::begin_evicting(std::uint32_t pack, std::uint64_t total,
                                std::uint64_t records) noexcept {
  crash::Tally* const shown = tally();
  if (shown == nullptr) return;
  show(shown->evicting_total, total);
  show(shown->evicting_records, shown->evicted_records + records);
  show(shown->evicting_pack, pack + 1);
}

void ShownTally::end_evicting(bool is_gone) noexcept {
  crash::Tally* const shown = tally();
  if (shown == nullptr) return;
  // 0 where the journal has moved meanwhile.
  const std::uint64_t records = std::max(shown->evicted_records, shown->evicting_records);
  if (is_gone) show(shown->evicted_records, records);
  // Killed here, `packs` says one too few: no pack that made room is missed.
  if (is_gone && shown->packs != 0) show(shown->packs, shown->packs - 1);
  show(shown->evicting_pack, 0u);
}

void ShownTally::note_pack() noexcept {
  crash::Tally* const shown = tally();
  if (shown == nullptr) return;
  show(shown->packs, shown->packs + 1);
  is_changed_.store(true, std::memory_order_relaxed);
}

bool ShownTally::add_childs(std::uint64_t calls, std::int64_t time_ns) noexcept {
  crash::Tally* const parents = childs_.load(std::memory_order_acquire);
  if (parents == nullptr) return false;
  const std::uint64_t magic = std::atomic_ref(parents->magic).load(std::memory_order_acquire);
  crash::TallySlot& slot = parents->slot[crash::kChildren_slot];
  // An older recovery voided all of it.
  const bool is_read_again =
      magic == crash::told_magic() && std::atomic_ref(slot.telling_seq).load() != 0;
  if (magic != crash::tally_magic() && !is_read_again) return false;
  const std::atomic_ref count(slot.dropped[static_cast<std::size_t>(DropReason::value)]);
  count.fetch_add(calls, std::memory_order_acq_rel);
  show(slot.time_ns, time_ns);
  return true;
}

std::uint64_t ShownTally::claim_childs() noexcept {
  crash::Tally* const shown = tally();
  if (shown == nullptr) return 0;
  crash::TallySlot& slot = shown->slot[crash::kChildren_slot];
  const std::atomic_ref count(slot.dropped[static_cast<std::size_t>(DropReason::value)]);
  const std::uint64_t all = count.load(std::memory_order_acquire);
  return all - childs_claimed_.exchange(all, std::memory_order_relaxed);
}

void Drops::add(DropReason reason, std::uint64_t calls, std::int64_t time_ns) noexcept {
  auto& dropped = at(reason).dropped;
  const std::uint64_t all = dropped.load(std::memory_order_relaxed) + calls;
  dropped.store(all, std::memory_order_relaxed);
  time_ns_.store(time_ns, std::memory_order_relaxed);
  if (crash::TallySlot* const slot = shown_.changed_slot(lane_)) {
    runlog::show(slot->time_ns, time_ns);
    runlog::show(slot->dropped[static_cast<std::size_t>(reason)], all);
  }
}

std::uint64_t Drops::total() const noexcept {
  std::uint64_t all = 0;
  for (const Count& one : counts_) all += one.dropped.load(std::memory_order_relaxed);
  return all - total(DropReason::evicted);
}

bool Drops::has_told() const noexcept {
  return std::any_of(counts_.begin(), counts_.end(), [](const Count& count) {
    return count.told.load(std::memory_order_relaxed) != 0;
  });
}

std::uint64_t Drops::claim(DropReason reason) noexcept {
  Count& count = at(reason);
  std::uint64_t claimed = count.claimed.load(std::memory_order_relaxed);
  for (;;) {
    const std::uint64_t all = count.dropped.load(std::memory_order_relaxed);
    if (all <= claimed) return 0;
    if (count.claimed.compare_exchange_weak(claimed, all, std::memory_order_relaxed)) {
      return all - claimed;
    }
  }
}

void Drops::give_back(DropReason reason, std::uint64_t claimed) noexcept {
  at(reason).claimed.fetch_sub(claimed, std::memory_order_relaxed);
}

void Drops::begin_telling(DropReason reason, std::uint64_t calls, std::int64_t seq) noexcept {
  crash::TallySlot* const slot = shown_.changed_slot(lane_);
  if (slot == nullptr) return;
  runlog::show(slot->telling_told, at(reason).told.load(std::memory_order_relaxed) + calls);
  runlog::show(slot->telling_seq, seq);
  runlog::show(slot->telling_reason, static_cast<std::uint32_t>(reason) + 1);
  crash_point("before_gap");
}

void Drops::end_telling(DropReason reason, std::uint64_t calls, bool is_told) noexcept {
  crash_point("after_gap");
  auto& told = at(reason).told;
  const std::uint64_t all = told.load(std::memory_order_relaxed) + (is_told ? calls : 0);
  told.store(all, std::memory_order_relaxed);
  if (crash::TallySlot* const slot = shown_.changed_slot(lane_)) {
    runlog::show(slot->told[static_cast<std::size_t>(reason)], all);
    crash_point("in_gap");
    runlog::show(slot->telling_reason, 0u);
  }
}

void Drops::note_segment(std::uint32_t number) noexcept {
  segment_.store(number + 1, std::memory_order_relaxed);
  if (crash::TallySlot* const slot = shown_.slot(lane_)) runlog::show(slot->segment, number + 1);
}

void Drops::show() noexcept {
  crash::TallySlot* const slot = shown_.changed_slot(lane_);
  if (slot == nullptr) return;
  runlog::show(slot->time_ns, time_ns_.load(std::memory_order_relaxed));
  runlog::show(slot->segment, segment_.load(std::memory_order_relaxed));
  for (std::size_t i = 0; i < kDrop_reasons; ++i) {
    runlog::show(slot->told[i], counts_[i].told.load(std::memory_order_relaxed));
    runlog::show(slot->dropped[i], counts_[i].dropped.load(std::memory_order_relaxed));
  }
}

}  // namespace runlog
