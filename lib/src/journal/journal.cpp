#include "journal/journal.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/json_text.hpp"
#include "platform/crash_point.hpp"
#include "platform/process.hpp"

namespace runlog {
namespace {

std::atomic<std::uint64_t> next_journal_id = 1;

}  // namespace

constinit thread_local CachedLane cached_lane = {0, nullptr};

// Which lanes a thread holds, of all journals; returns them when the thread ends.
struct Journal::ThreadLanes {
  struct Entry {
    std::uint64_t journal_id;
    std::weak_ptr<Journal> journal;
    Lane* lane;  // nullptr while it uses the shared one
    std::uint32_t rare_records;
  };
  std::vector<Entry> entries;

  ~ThreadLanes() {
    cached_lane = {0, nullptr};
    for (Entry& entry : entries) {
      if (entry.lane == nullptr) continue;
      // A forked child has its parent's journal, whose mutexes may be held by threads it has not.
      const auto journal = entry.journal.lock();
      if (journal && journal->pid_ == ::getpid()) journal->give_back(entry.lane);
    }
  }
};

Journal::Journal(Settings settings)
    : settings_(std::move(settings)),
      pid_(::getpid()),
      id_(next_journal_id.fetch_add(1, std::memory_order_relaxed)),
      pool_(settings_.directory, pool_limits()),
      shared_{.pool = pool_,
              .series = series_,
              .session = settings_.session,
              .overflow = settings_.overflow,
              .overflow_block = settings_.overflow_block,
              .sync_each_record = settings_.sync_each_record,
              .asymmetric_gate = membarrier_is_usable()},
      rare_lane_(format::kShared_lane, shared_),
      keeper_lane_(static_cast<std::int32_t>(kLanes_max) + 1, shared_) {
  shared_.report = settings_.report;
  shared_.wait_for_spare = [this](std::chrono::milliseconds limit) {
    std::unique_lock lock(spare_mutex_);
    spare_changed_.wait_for(lock, limit, [this] { return pool_.spares() > 0; });
  };
  settings_.meta.uses_tsc = clock_.uses_tsc();
  settings_.meta.ticks_per_second = clock_.ticks_per_second();
}

SegmentPool::Limits Journal::pool_limits() {
  SegmentPool::Limits limits = settings_.limits;
  limits.revive = [this] { return revive(); };
  return limits;
}

Journal::~Journal() {
  for (OpenSegment* segment : take_opened()) segment->release();
}

Result<std::shared_ptr<Journal>> Journal::create(Settings settings) {
  const std::shared_ptr<Journal> journal(new Journal(std::move(settings)));
  {
    const std::lock_guard lock(journal->home_mutex_);
    if (auto made = journal->make_directory(); !made) return std::move(made).error();
    if (auto claimed = journal->claim(); !claimed) return std::move(claimed).error();
  }
  if (journal->settings_.crash_marker) install_crash_marker();
  if (journal->settings_.limits.guard_sigbus) install_sigbus_guard();
  auto first = journal->pool_.prepare();
  if (!first) return std::move(first).error();
  journal->pool_.add(*first);
  return journal;
}

// Made under a hidden name, locked, then renamed: nobody who looks for dead journals ever sees one
// of a living process without its lock held. The lock is the inode's and survives the rename.
Result<void> Journal::make_directory() {
  const JournalDir& directory = settings_.directory;
  const JournalDir hidden(directory.path().parent_path() /
                          ("." + directory.path().filename().native() + ".new"));
  if (auto made = hidden.create(); !made) return made;
  auto lock = FileLock::acquire(hidden.lock());
  if (!lock) return std::move(lock).error();
  lock_ = std::move(*lock);
  crash_point("before_journal_rename");
  if (auto shown = rename_file(hidden.path(), directory.path(), true); !shown) return shown;
  crash_point("after_journal_rename");
  return {};
}

// Says in the directory whose it is.
Result<void> Journal::claim() {
  const JournalDir& directory = settings_.directory;
  const Meta& meta = settings_.meta;
  std::string identity;
  JsonObject(identity)
      .add("host", meta.host)
      .add("boot_id", meta.boot_id)
      .add("pid", meta.pid)
      .add("start_ticks", meta.start_ticks)
      .end();
  if (auto written = lock_.write_identity(identity + "\n"); !written) return written;
  if (auto written = write_file_durably(directory.meta(), to_json(meta)); !written) return written;
  if (!settings_.crash_marker) return {};
  if (auto removed = remove_file(directory.crash()); !removed) return removed;
  auto file = MappedFile::create(directory.crash(), CrashMarker::kMark_bytes);
  if (!file) return std::move(file).error();
  crash_marker_ = CrashMarker(file->bytes());
  crash_file_ = std::move(*file);
  return {};
}

Result<void> Journal::revive() {
  try {
    const JournalDir& directory = settings_.directory;
    const std::lock_guard lock(home_mutex_);
    if (is_given_up_) {
      return Error{Errc::finished, 0, "the run has ended: " + directory.path().native()};
    }
    if (lock_.is_lock_of(directory.lock())) return directory.create();  // subdirectories at most
    if (stat_file(directory.path())) {
      // LOCK itself was removed, or the removal is still under way: take it anew, in place.
      auto again = FileLock::acquire(directory.lock());
      if (!again) return std::move(again).error();
      lock_ = std::move(*again);
      if (auto made = directory.create(); !made) return made;
    } else if (auto made = make_directory(); !made) {
      return made;
    }
    if (auto claimed = claim(); !claimed) return claimed;
    if (settings_.report) {
      settings_.report(
          Error{Errc::not_found, 0,
                directory.path().native() +
                    " was removed while in use; it was made anew, and logging goes on"});
    }
    return {};
  } catch (const std::bad_alloc&) {
    return Error{Errc::io, ENOMEM, "out of memory"};
  }
}

void Journal::unlock() noexcept {
  const std::lock_guard lock(home_mutex_);
  is_given_up_ = true;
  lock_.release();
}

Lane* Journal::find_own_lane() noexcept {
  try {
    static thread_local ThreadLanes mine;
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

void Journal::metrics_slowly(std::span<const Scalar> scalars, bool has_step, std::int64_t step,
                             std::int64_t time_ns) noexcept {
  if (Lane* const lane = own_lane()) {
    return lane->append_metrics_slowly(scalars, has_step, step, time_ns);
  }
  const std::lock_guard lock(rare_mutex_);
  rare_lane_.append_metrics_slowly(scalars, has_step, step, time_ns);
}

bool Journal::event(const format::Event& event) noexcept {
  if (Lane* const lane = own_lane()) [[likely]]
    return lane->append_event(event);
  const std::lock_guard lock(rare_mutex_);
  return rare_lane_.append_event(event);
}

std::uint64_t Journal::sum(std::uint64_t (Lane::*count)() const noexcept) const noexcept {
  const std::lock_guard lock(lanes_mutex_);
  std::uint64_t total = (rare_lane_.*count)() + (keeper_lane_.*count)();
  for (std::size_t i = 0; i < lanes_count_; ++i) total += (*lanes_[i].*count)();
  return total;
}

std::uint64_t Journal::records() const noexcept {
  return sum(&Lane::records);
}
std::uint64_t Journal::dropped() const noexcept {
  return sum(&Lane::dropped);
}
std::uint64_t Journal::gapped() const noexcept {
  return sum(&Lane::gapped);
}

std::uint64_t Journal::lanes() const noexcept {
  const std::lock_guard lock(lanes_mutex_);
  return lanes_count_ + 1;
}

std::vector<OpenSegment*> Journal::take_opened() {
  std::vector<OpenSegment*> segments;
  // acquire: pairs with the release in Lane::open_segment
  OpenSegment* segment = shared_.opened.exchange(nullptr, std::memory_order_acquire);
  for (; segment != nullptr; segment = segment->next_opened) segments.push_back(segment);
  std::reverse(segments.begin(), segments.end());
  return segments;
}

void Journal::notify_spare() noexcept {
  { const std::lock_guard lock(spare_mutex_); }
  spare_changed_.notify_all();
}

}  // namespace runlog
