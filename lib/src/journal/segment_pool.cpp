#include "journal/segment_pool.hpp"

#include <algorithm>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "base/out_of_memory.hpp"
#include "platform/fork.hpp"
#include "platform/process_key.hpp"

namespace runlog {
namespace {

// A quarter of the disk budget may lie idle.
std::size_t spares_within_budget(const SegmentPool::Limits& limits) {
  const std::uint64_t affordable = limits.disk_budget / 4 / limits.segment_bytes;
  return std::clamp<std::uint64_t>(affordable, 1, SegmentPool::kSpares_max);
}

[[gnu::constructor(102)]] void forget_lookers_in_children() noexcept {
  add_child_duty(&SegmentLook::forget_others);
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
      room_(directory_, limits.artifact_budget),
      wanted_(std::min(kSpares, spares_within_budget(limits))),
      generation_(process_generation()) {}

SegmentPool::~SegmentPool() {
  for (auto& slot : spares_) {
    if (OpenSegment* const spare = slot.exchange(nullptr)) spare->release();
  }
  if (OpenSegment* const unused = for_end_.exchange(nullptr)) unused->release();
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

Error SegmentPool::run_has_ended() const {
  return Error{Errc::finished, 0, "the run has ended: " + directory_.path().native()};
}

std::uint32_t SegmentPool::give_number() noexcept {
  const std::uint32_t number = next_number_.fetch_add(1, std::memory_order_relaxed);
  if (limits_.note_number) limits_.note_number(number);
  return number;
}

Result<OpenSegment*> SegmentPool::prepare() noexcept {
  return prepare(limits_.segment_bytes);
}

Result<void> SegmentPool::set_aside_for_end() noexcept {
  auto prepared = prepare(format::kSegment_bytes_min);
  if (!prepared) return std::move(prepared).error();
  if (OpenSegment* const before = for_end_.exchange(*prepared)) (void)discard(before);
  return {};
}

std::uint64_t SegmentPool::bytes_over_budget(std::uint64_t more) noexcept {
  const auto over = [&] {
    const std::uint64_t all = budgeted_bytes() + more;
    return all > limits_.disk_budget ? all - limits_.disk_budget : 0;
  };
  if (over() > 0) room_.look();
  if (over() > 0) (void)room_.drop_copies(over(), DiskRoom::Copies::packs);
  return over();
}

Result<MappedFile> SegmentPool::create_file(const std::filesystem::path& path,
                                            std::uint64_t bytes) {
  auto file = MappedFile::create(path, bytes);
  if (!file && file.error().code == Errc::not_found && limits_.revive) {
    // Somebody removed the journal's directory under us. Records go on in a new one.
    if (limits_.revive()) file = MappedFile::create(path, bytes);
  }
  // Twice as much: what went may be less than was freed (blocks, quotas of other kinds).
  if (!file && file.error().code == Errc::no_space && room_.drop_copies_below_root(2 * bytes) > 0) {
    file = MappedFile::create(path, bytes);
  }
  return file;
}

// Several writers may prepare at once: no two of them get the same room, and none is refused for
// what another one asked for and did not get.
bool SegmentPool::reserve(std::uint64_t bytes) noexcept {
  std::uint64_t taken = segment_bytes();
  do {
    if (bytes_over_budget(bytes) > 0) return false;
  } while (!segment_bytes_.compare_exchange_weak(taken, taken + bytes, std::memory_order_relaxed));
  return true;
}

Result<OpenSegment*> SegmentPool::prepare(std::uint64_t bytes) noexcept {
  std::uint64_t reserved = 0;
  std::filesystem::path path;
  try {
    // A child may come here that was made in the middle of its parent's append.
    const bool is_childs = process_generation() != generation_;
    if (is_childs || is_retired_.load(std::memory_order_relaxed)) return run_has_ended();
    if (room_.is_for_packs()) {
      return Error{Errc::no_space, ENOSPC,
                   "the disk is full, and what becomes free is needed to pack what is there: " +
                       directory_.path().native()};
    }
    if (!reserve(bytes)) {
      return Error{Errc::no_space, 0,
                   "the disk budget of " + std::to_string(limits_.disk_budget) +
                       " bytes is used up at " + directory_.path().native() +
                       "; make the store reachable, or raise RUNLOG_DISK_BUDGET"};
    }
    reserved = bytes;
    // What needs memory comes before the file.
    auto fresh = std::make_unique<OpenSegment>();
    const std::uint32_t number = give_number();
    path = directory_.segment(number);
    auto file = create_file(path, bytes);
    if (!file) {
      segment_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
      return std::move(file).error();
    }
    OpenSegment* const segment = fresh.release();
    segment->file = std::move(*file);
    segment->number = number;
    if (limits_.guard_sigbus) {
      segment->watched =
          WatchedRange(segment->file.bytes(), segment->gate.flags(), Gate::kClose | Gate::kBroken);
    }
    if (process_generation() != generation_)
      return run_has_ended();  // made meanwhile: it is the parent's
    return segment;
  } catch (const std::bad_alloc&) {
    if (!path.empty()) try_remove_file(path);
    segment_bytes_.fetch_sub(reserved, std::memory_order_relaxed);
    return out_of_memory();
  }
}

void SegmentPool::add(OpenSegment* segment) noexcept {
  for (auto& slot : spares_) {
    OpenSegment* free = nullptr;
    if (slot.compare_exchange_strong(free, segment, std::memory_order_acq_rel)) return;
  }
  (void)discard(segment);
}

Result<void> SegmentPool::recycle(OpenSegment* old) noexcept {
  if (spares() >= kSpares_max || old->gate.is_broken() || old->is_orphan ||
      old->file.bytes().size() != limits_.segment_bytes) {
    return discard(old);
  }
  // Renamed first: from then on the name says "not used yet" and the header, still the old one,
  // does not match it, so no reader takes the old records for new ones while the zeroing goes on.
  std::unique_ptr<OpenSegment> made;
  std::filesystem::path path;
  const std::uint32_t number = give_number();
  try {
    made = std::make_unique<OpenSegment>();
    path = directory_.segment(number);
    made->file.set_path(path);
  } catch (const std::bad_alloc&) {
    return discard(old);
  }
  const auto guarded = [](auto&& work) -> Result<void> {
    try {
      return work();
    } catch (const std::bad_alloc&) {
      return out_of_memory();  // for the words of why it failed
    }
  };
  if (auto renamed = guarded([&] { return rename_file(old->file.path(), path, false); });
      !renamed) {
    (void)remove_records(*old);
    (void)discard(old);
    return renamed;
  }
  OpenSegment* const fresh = made.release();
  old->watched = WatchedRange();
  old->file.swap_path(fresh->file);
  fresh->file = std::move(old->file);
  old->release();
  fresh->number = number;
  if (limits_.guard_sigbus) {
    fresh->watched =
        WatchedRange(fresh->file.bytes(), fresh->gate.flags(), Gate::kClose | Gate::kBroken);
  }
  // Through write(2), not the map: a file truncated meanwhile then fails or grows instead of
  // faulting. The keeper syncs only what is written; the zeros behind it must be down before that,
  // or a power loss would leave old bytes there, which look like damage. The sync write-protects
  // the pages.
  auto zeroed = guarded([&]() -> Result<void> {
    const auto file = fresh->file.open_again();
    if (!file) return file.error();
    if (auto done = allocate_zeroed(file->fd(), limits_.segment_bytes, path); !done) return done;
    return sync_data(file->fd(), path);
  });
  if (!zeroed) {
    (void)discard(fresh);
    return zeroed;
  }
  fresh->file.touch(0, limits_.segment_bytes);
  add(fresh);
  return {};
}

Result<void> SegmentPool::remove_records(OpenSegment& segment) noexcept {
  try {
    const MappedFile& file = segment.file;
    Result<void> removed = remove_file(file.path());
    if (removed || file.has_left()) return removed;
    // Through write(2), not the map: see recycle().
    const auto again = file.open_again();
    if (!again) return again.error();
    if (auto emptied = zero_file(again->fd(), file.bytes().size(), file.path()); !emptied) {
      return emptied;
    }
    return sync_data(again->fd(), file.path());
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

Result<void> SegmentPool::discard(OpenSegment* segment) noexcept {
  Result<void> removed;
  try {
    removed = remove_file(segment->file.path());
  } catch (const std::bad_alloc&) {
    removed = out_of_memory();  // for the words of why it cannot be removed
  }
  const std::uint64_t bytes = segment->file.bytes().size();
  segment->watched = WatchedRange();
  segment->file = MappedFile();
  segment->release();
  segment_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  return removed;
}

void SegmentPool::discard_spares() noexcept {
  while (OpenSegment* const spare = take()) (void)discard(spare);
}

void SegmentPool::discard_for_end() noexcept {
  if (OpenSegment* const unused = for_end_.exchange(nullptr)) (void)discard(unused);
}

// Its number is the order in which it was used; a rename needs no room.
OpenSegment* SegmentPool::take_for_end() noexcept {
  OpenSegment* const segment = for_end_.exchange(nullptr);
  if (segment == nullptr) return nullptr;
  try {
    const std::uint32_t number = give_number();
    const std::filesystem::path path = directory_.segment(number);
    if (rename_file(segment->file.path(), path, false)) {
      segment->file.set_path(path);
      segment->number = number;
    }
  } catch (const std::bad_alloc&) {
    // It keeps the number that it was made with.
  }
  return segment;
}

}  // namespace runlog
