#include "journal/segment_pool.hpp"

#include <algorithm>
#include <new>
#include <utility>
#include <vector>

namespace runlog {
namespace {

// A quarter of the disk budget may lie idle.
std::size_t spares_within_budget(const SegmentPool::Limits& limits) {
  const std::uint64_t affordable = limits.disk_budget / 4 / limits.segment_bytes;
  return std::clamp<std::uint64_t>(affordable, 1, SegmentPool::kSpares_max);
}

}  // namespace

// What was retired goes once nobody looks. Taken off the list first, asked second: all that is on
// the list had left its lane before, so whoever may have found it there was counted before that,
// and is still counted or done. (Both sides store and then load, in one order for all: seq_cst.)
void OpenSegment::retire() noexcept {
  const auto push = [](OpenSegment* first, OpenSegment* last) {
    OpenSegment* head = SegmentLook::retired.load(std::memory_order_relaxed);
    do {
      last->next_opened = head;
    } while (!SegmentLook::retired.compare_exchange_weak(head, first, std::memory_order_seq_cst));
  };
  push(this, this);
  OpenSegment* const list = SegmentLook::retired.exchange(nullptr, std::memory_order_seq_cst);
  if (list == nullptr) return;
  if (SegmentLook::looks.load(std::memory_order_seq_cst) != 0) {
    OpenSegment* last = list;
    while (last->next_opened != nullptr) last = last->next_opened;
    return push(list, last);
  }
  for (OpenSegment* one = list; one != nullptr;) delete std::exchange(one, one->next_opened);
}

SegmentPool::SegmentPool(JournalDir directory, const Limits& limits)
    : directory_(std::move(directory)),
      limits_(limits),
      wanted_(std::min(kSpares, spares_within_budget(limits))) {}

SegmentPool::~SegmentPool() {
  for (auto& slot : spares_) {
    if (OpenSegment* const spare = slot.exchange(nullptr)) spare->release();
  }
}

OpenSegment* SegmentPool::take() noexcept {
  for (auto& slot : spares_) {
    if (slot.load(std::memory_order_relaxed) == nullptr) continue;
    if (OpenSegment* const spare = slot.exchange(nullptr, std::memory_order_acq_rel)) return spare;
  }
  return nullptr;
}

std::size_t SegmentPool::spares() const noexcept {
  std::size_t count = 0;
  for (const auto& slot : spares_) {
    if (slot.load(std::memory_order_relaxed) != nullptr) ++count;
  }
  return count;
}

void SegmentPool::want_more() noexcept {
  wanted_.store(std::min(wanted() + 2, spares_within_budget(limits_)), std::memory_order_relaxed);
}

Result<OpenSegment*> SegmentPool::prepare() {
  if (is_retired_.load(std::memory_order_relaxed)) {
    return Error{Errc::finished, 0, "the run has ended: " + directory_.path().native()};
  }
  const std::uint64_t bytes = limits_.segment_bytes;
  // Reserve first: several writers may prepare at once.
  const std::uint64_t before = disk_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  if (before + bytes > limits_.disk_budget) {
    add_disk_bytes(-static_cast<std::int64_t>(bytes));
    return Error{Errc::no_space, 0,
                 "the disk budget of " + std::to_string(limits_.disk_budget) +
                     " bytes is used up at " + directory_.path().native() +
                     "; make the store reachable, or raise RUNLOG_DISK_BUDGET"};
  }
  try {
    const std::uint32_t number = next_number_.fetch_add(1, std::memory_order_relaxed);
    auto file = MappedFile::create(directory_.segment(number), bytes);
    if (!file && file.error().code == Errc::not_found && limits_.revive) {
      // Somebody removed the journal's directory under us. Records go on in a new one.
      if (limits_.revive()) file = MappedFile::create(directory_.segment(number), bytes);
    }
    if (!file) {
      add_disk_bytes(-static_cast<std::int64_t>(bytes));
      return std::move(file).error();
    }
    auto* const segment = new OpenSegment;
    segment->file = std::move(*file);
    segment->number = number;
    if (limits_.guard_sigbus) {
      segment->watched =
          WatchedRange(segment->file.bytes(), segment->gate.flags(), Gate::kClose | Gate::kBroken);
    }
    return segment;
  } catch (const std::bad_alloc&) {
    add_disk_bytes(-static_cast<std::int64_t>(bytes));
    return Error{Errc::io, ENOMEM, "out of memory while preparing a segment"};
  }
}

void SegmentPool::add(OpenSegment* segment) noexcept {
  for (auto& slot : spares_) {
    OpenSegment* free = nullptr;
    if (slot.compare_exchange_strong(free, segment, std::memory_order_acq_rel)) return;
  }
  (void)discard(segment);
}

Result<void> SegmentPool::recycle(OpenSegment* old) {
  if (spares() >= kSpares_max || old->gate.is_broken() || old->is_orphan) return discard(old);
  // Renamed first: from then on the name says "not used yet" and the header, still the old one,
  // does not match it, so no reader takes the old records for new ones while the zeroing goes on.
  const std::uint32_t number = next_number_.fetch_add(1, std::memory_order_relaxed);
  const std::filesystem::path path = directory_.segment(number);
  if (auto renamed = rename_file(old->file.path(), path, false); !renamed) {
    (void)discard(old);
    return renamed;
  }
  OpenSegment* fresh = nullptr;
  try {
    fresh = new OpenSegment;
  } catch (const std::bad_alloc&) {
    return discard(old);
  }
  old->watched = WatchedRange();
  fresh->file = std::move(old->file);
  old->release();
  fresh->file.set_path(path);
  fresh->number = number;
  if (limits_.guard_sigbus) {
    fresh->watched =
        WatchedRange(fresh->file.bytes(), fresh->gate.flags(), Gate::kClose | Gate::kBroken);
  }
  // Through write(2), not the map: a file truncated meanwhile then fails or grows instead of
  // faulting.
  if (auto zeroed = allocate_zeroed(fresh->file.fd(), limits_.segment_bytes, path); !zeroed) {
    (void)discard(fresh);
    return zeroed;
  }
  // The keeper syncs only what is written; the zeros behind it must be down before that, or a power
  // loss would leave old bytes there, which look like damage. The sync write-protects the pages.
  if (auto synced = sync_data(fresh->file.fd(), path); !synced) {
    (void)discard(fresh);
    return synced;
  }
  fresh->file.touch(0, limits_.segment_bytes);
  add(fresh);
  return {};
}

Result<void> SegmentPool::discard(OpenSegment* segment) {
  const std::filesystem::path path = segment->file.path();
  segment->watched = WatchedRange();
  segment->file = MappedFile();
  segment->release();
  add_disk_bytes(-static_cast<std::int64_t>(limits_.segment_bytes));
  return remove_file(path);
}

void SegmentPool::discard_spares() {
  while (OpenSegment* const spare = take()) (void)discard(spare);
}

}  // namespace runlog
