#include "journal/journal.hpp"

#include <algorithm>
#include <utility>

#include "base/out_of_memory.hpp"
#include "platform/crash_point.hpp"
#include "platform/process.hpp"
#include "platform/process_key.hpp"
#include "platform/signal_stack.hpp"
#include "platform/thread_key.hpp"

namespace runlog {
namespace {

constinit std::atomic<std::uint64_t> next_journal_id = 1;
/// What a journal takes at once, on a disk that is full: one segment, two spares, the small files.
constexpr std::uint64_t kStart_segments = 4;

}  // namespace

constinit thread_local CachedLane cached_lane = {0, nullptr};

namespace {

// Of a thread that has logged: its ThreadLanes. Without a destructor, so that it may be used until
// the thread's last instruction; the thread's end is told by leave_key.
constinit thread_local void* my_lanes = nullptr;
// The thread has given its lanes back and only its last destructors are left: it shares from now
// on.
constinit thread_local bool is_leaving = false;

constinit ThreadKey leave_key;

// In a signal handler, for platform/crash_mark: a thread that jumps out of one takes the slow way
// at its next call.
ThreadPlace exchange_cached_lane(ThreadPlace next) noexcept {
  const ThreadPlace there{.id = cached_lane.journal_id, .lane = cached_lane.lane};
  cached_lane = {next.id, static_cast<Lane*>(next.lane)};
  return there;
}

}  // namespace

// Which lanes a thread holds, of all journals; returns them when the thread ends.
struct Journal::ThreadLanes {
  struct Entry {
    std::uint64_t journal_id;
    std::weak_ptr<Journal> journal;
    Lane* lane;  // nullptr while it uses the shared one
    std::uint32_t rare_records;
  };
  std::vector<Entry> entries;

  /// Made when it is first asked for; nullptr where the end of the thread would not be told, or is
  /// near. Such a thread shares. Throws std::bad_alloc.
  static ThreadLanes* of_this_thread() {
    if (is_leaving || !leave_key.has_key()) return nullptr;
    if (my_lanes == nullptr) {
      auto made = std::make_unique<ThreadLanes>();
      if (!leave_key.set(made.get())) return nullptr;
      my_lanes = made.release();
    }
    return static_cast<ThreadLanes*>(my_lanes);
  }

  static void leave(void* lanes) noexcept {
    const std::unique_ptr<ThreadLanes> mine(static_cast<ThreadLanes*>(lanes));
    is_leaving = true;
    my_lanes = nullptr;
    cached_lane = {0, nullptr};
    settle_own_mark();
    take_back_signal_stack();
    for (Entry& entry : mine->entries) {
      if (entry.lane == nullptr) continue;
      // A forked child has its parent's journal, whose mutexes may be held by threads it has not.
      const auto journal = entry.journal.lock();
      if (journal && journal->process_key_ == process_key()) journal->give_back(entry.lane);
    }
  }

  [[gnu::constructor(101)]] static void make_key() noexcept {
    leave_key.create([](void* lanes) { leave(lanes); });
  }
};

Journal::Journal(Settings settings)
    : settings_(std::move(settings)),
      process_key_(process_key()),
      home_({.directory = settings_.directory,
             .meta = std::move(settings_.meta),
             .process = std::move(settings_.process),
             .crash_marker = settings_.crash_marker,
             .guard_sigbus = settings_.limits.guard_sigbus,
             .rights = settings_.rights,
             .report = settings_.report},
            tally_, [this] { for_each_lane([](Lane& lane) { lane.drops().show(); }); }),
      id_(next_journal_id.fetch_add(1, std::memory_order_relaxed)),
      pool_(settings_.directory, pool_limits()),
      shared_{.pool = pool_,
              .series = series_,
              .tally = tally_,
              .session = settings_.session,
              .overflow = settings_.overflow,
              .overflow_block = settings_.overflow_block,
              .sync_each_record = settings_.sync_each_record,
              .asymmetric_gate = membarrier_is_usable()},
      rare_lane_(format::kShared_lane, shared_, &rare_mutex_),
      keeper_lane_(kKeeper_lane, shared_),
      end_lane_(kEnd_lane, shared_, nullptr, true) {
  shared_.report = settings_.report;
  shared_.wait_for_spare = [this](std::chrono::milliseconds limit) {
    std::unique_lock lock(spare_mutex_);
    spare_changed_.wait_for(lock, limit, [this] {
      return pool_.spares() > 0 || shared_.is_ending.load(std::memory_order_relaxed);
    });
  };
  home_.note_clock(clock_);
}

SegmentPool::Limits Journal::pool_limits() {
  SegmentPool::Limits limits = settings_.limits;
  limits.revive = [this] { return home_.revive(); };
  limits.note_number = [this](std::uint32_t number) { tally_.note_segment(number); };
  return limits;
}

Journal::~Journal() {
  OpenSegment* segment = take_opened();
  while (segment != nullptr) std::exchange(segment, segment->next_opened)->release();
}

void Journal::set_keeper(std::function<void()> wake,
                         std::function<void(std::chrono::milliseconds)> help) {
  // The writer of the shared lane reads it, and until now there is no other.
  const std::lock_guard lock(rare_mutex_);
  shared_.wake = std::move(wake);
  shared_.help = std::move(help);
  gives_lanes_.store(true, std::memory_order_release);
}

Result<std::shared_ptr<Journal>> Journal::create(Settings settings) {
  auto journal = create_once(settings);
  if (journal || journal.error().code != Errc::no_space || journal.error().os_errno == 0) {
    return journal;
  }
  DiskRoom room(settings.directory, settings.limits.artifact_budget);
  if (room.drop_copies_below_root(kStart_segments * settings.limits.segment_bytes) == 0) {
    return journal;
  }
  return create_once(std::move(settings));
}

Result<std::shared_ptr<Journal>> Journal::create_once(Settings settings) {
  const std::shared_ptr<Journal> journal(new Journal(std::move(settings)));
  Result<void> made;
  try {
    made = journal->make();
  } catch (const std::bad_alloc&) {
    made = out_of_memory();
  }
  if (!made) {
    journal->home_.discard();
    return std::move(made).error();
  }
  return journal;
}

Result<void> Journal::make() {
  if (auto made = home_.make(); !made) return made;
  if (settings_.crash_marker) {
    set_thread_place(&exchange_cached_lane);
    install_crash_marker();
    // Taken back when the thread ends, which is told where it has lanes, or is about to.
    if (ThreadLanes::of_this_thread() != nullptr) give_signal_stack();
  }
  if (settings_.limits.guard_sigbus) install_sigbus_guard();
  auto first = pool_.prepare();
  if (!first) return std::move(first).error();
  pool_.add(*first);
  if (auto set_aside = pool_.set_aside_for_end(); !set_aside) return set_aside;
  return {};
}

Lane* Journal::find_own_lane() noexcept {
  settle_own_mark();
  try {
    ThreadLanes* const known = ThreadLanes::of_this_thread();
    if (known == nullptr) return nullptr;
    if (settings_.crash_marker) give_signal_stack();
    if (!gives_lanes_.load(std::memory_order_acquire)) return nullptr;
    ThreadLanes& mine = *known;
    auto entry = std::find_if(mine.entries.begin(), mine.entries.end(),
                              [&](const auto& one) { return one.journal_id == id_; });
    if (entry == mine.entries.end()) {
      // Forget journals that are gone, so a thread that outlives many runs does not collect them.
      std::erase_if(mine.entries, [](const auto& one) { return one.journal.expired(); });
      mine.entries.push_back({id_, weak_from_this(), nullptr, 0});
      entry = mine.entries.end() - 1;
    }
    if (entry->lane == nullptr && ++entry->rare_records > kShared_records) {
      const std::lock_guard lock(lanes_mutex_);
      if (!free_lanes_.empty()) {
        entry->lane = free_lanes_.back();
        free_lanes_.pop_back();
      } else if (lanes_count_ < kLanes_max) {
        const auto number = static_cast<std::int32_t>(lanes_count_ + 1);
        lanes_[lanes_count_] = std::make_unique<Lane>(number, shared_);
        entry->lane = lanes_[lanes_count_++].get();
      } else {
        entry->rare_records = 0;  // all taken: ask again later, a thread may have ended
      }
    }
    if (entry->lane != nullptr) cached_lane = {id_, entry->lane};
    return entry->lane;
  } catch (const std::bad_alloc&) {
    return nullptr;  // the shared lane needs no memory
  }
}

void Journal::give_back(Lane* lane) noexcept {
  try {
    const std::lock_guard lock(lanes_mutex_);
    free_lanes_.push_back(lane);
  } catch (const std::bad_alloc&) {
    // The lane stays unused; its records are safe.
  }
}

WritableLane Journal::lane() noexcept {
  Lane* own = lane_at_hand();
  if (own == nullptr) own = find_own_lane();
  if (own != nullptr) return WritableLane(*own);
  return {rare_lane_, rare_mutex_};
}

Result<void> Journal::evict(std::uint32_t number, std::uint64_t calls, std::uint64_t records,
                            const std::function<Result<void>()>& remove) {
  Drops& drops = keeper_lane_.drops();
  tally_.begin_evicting(number, drops.total(DropReason::evicted) + calls, records);
  crash_point("before_evict");
  auto removed = remove();
  crash_point("in_evict");
  const std::int64_t now = now_ns();
  if (removed) drops.add(DropReason::evicted, calls, now);
  tally_.end_evicting(removed.has_value());
  const std::uint64_t untold = drops.claim(DropReason::evicted);
  if (untold != 0 && !keeper_lane_.append_gap(DropReason::evicted, untold, now)) {
    drops.give_back(DropReason::evicted, untold);
  }
  return removed;
}

void Journal::end_event(const format::Event& event) noexcept {
  if (!lane()->try_append_event(event)) (void)end_lane_.append_event(event);
  has_ended_.store(true, std::memory_order_release);
}

bool Journal::add_childs_drops(std::uint64_t calls) noexcept {
  return tally_.add_childs(calls, now_ns());
}

void Journal::tell_drops_at_end(std::uint64_t calls_without_journal) noexcept {
  const std::int64_t now = now_ns();
  DropCounts untold = {};
  for_each_lane([&](Lane& lane) {
    for (std::size_t i = 0; i < kDrop_reasons; ++i) {
      untold[i] += lane.drops().claim(static_cast<DropReason>(i));
    }
  });
  untold[static_cast<std::size_t>(DropReason::value)] +=
      calls_without_journal + tally_.claim_childs();
  for (std::size_t i = 0; i < kDrop_reasons; ++i) {
    const auto reason = static_cast<DropReason>(i);
    if (untold[i] == 0) continue;
    if (!lane()->append_gap(reason, untold[i], now)) {
      (void)end_lane_.append_gap(reason, untold[i], now);
    }
  }
}

template <typename Use>
void Journal::for_each_lane(Use&& use) noexcept {
  const std::lock_guard lock(lanes_mutex_);
  for (Lane* const lane : {&rare_lane_, &keeper_lane_, &end_lane_}) use(*lane);
  for (std::size_t i = 0; i < lanes_count_; ++i) use(*lanes_[i]);
}

std::uint64_t Journal::sum(std::uint64_t (*count)(const Lane&)) const noexcept {
  const std::lock_guard lock(lanes_mutex_);
  std::uint64_t total = count(rare_lane_) + count(keeper_lane_) + count(end_lane_);
  for (std::size_t i = 0; i < lanes_count_; ++i) total += count(*lanes_[i]);
  return total;
}

std::uint64_t Journal::records() const noexcept {
  return sum([](const Lane& lane) { return lane.records(); });
}
std::uint64_t Journal::dropped() const noexcept {
  return sum([](const Lane& lane) { return lane.drops().total(); });
}
bool Journal::has_told_drops(std::int32_t lane) noexcept {
  bool has_told = false;
  for_each_lane([&](const Lane& one) {
    if (one.number() == lane) has_told = one.drops().has_told();
  });
  return has_told;
}
std::uint64_t Journal::dropped_series() const noexcept {
  return sum([](const Lane& lane) { return lane.drops().total(DropReason::series); });
}

std::uint64_t Journal::lanes() const noexcept {
  const std::lock_guard lock(lanes_mutex_);
  return lanes_count_ + 1;
}

OpenSegment* Journal::take_opened() noexcept {
  settle_old_marks();  // here, because the keeper comes by
  // acquire: pairs with the release in Lane::open_segment
  OpenSegment* segment = shared_.opened.exchange(nullptr, std::memory_order_acquire);
  OpenSegment* oldest_first = nullptr;
  while (segment != nullptr) {
    OpenSegment* const next = std::exchange(segment->next_opened, oldest_first);
    oldest_first = std::exchange(segment, next);
  }
  return oldest_first;
}

void Journal::begin_end() noexcept {
  shared_.is_ending.store(true, std::memory_order_relaxed);
  notify_spare();
}

void Journal::notify_spare() noexcept {
  { const std::lock_guard lock(spare_mutex_); }
  spare_changed_.notify_all();
}

}  // namespace runlog
