#include "keep/syncer.hpp"

#include <algorithm>
#include <new>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/out_of_memory.hpp"
#include "platform/file_system.hpp"
#include "platform/in_call.hpp"
#include "platform/process.hpp"
#include "platform/process_exit.hpp"

namespace runlog {
namespace {

/// Behind what was synced, at least so much is made ready for the writer again.
constexpr std::uint64_t kTouch_bytes_min = 256u << 10;
constexpr std::chrono::milliseconds kRetry_no_memory{100};
/// Of the keeper, for a sync of a segment that is to go.
constexpr std::chrono::milliseconds kLet_go_patience{20};
/// The least time between two looks at the clock's rate and at the threads that are left.
constexpr std::chrono::seconds kLook_interval{1};
/// In the place of a keeper that has fallen behind: at most so long in one go, and the pause after
/// it.
constexpr std::chrono::milliseconds kCatch_up_max{500};
constexpr std::chrono::milliseconds kCatch_up_pause{10};

}  // namespace

// The right to do a round: one at a time, or two would wait for the same pages.
class Syncer::Turn {
 public:
  Turn(Syncer& syncer, Clock::time_point deadline) : syncer_(syncer) {
    std::unique_lock lock(syncer_.mutex_);
    has_it_ = syncer_.changed_.wait_until(lock, deadline, [&] { return !syncer_.is_taken_; });
    if (has_it_) syncer_.is_taken_ = true;
  }
  ~Turn() {
    if (!has_it_) return;
    {
      const std::lock_guard lock(syncer_.mutex_);
      syncer_.is_taken_ = false;
    }
    syncer_.changed_.notify_all();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  explicit operator bool() const noexcept { return has_it_; }

 private:
  Syncer& syncer_;
  bool has_it_ = false;
};

Syncer::Syncer(std::shared_ptr<Journal> journal, Settings settings)
    : journal_(std::move(journal)), settings_(std::move(settings)) {}

Syncer::~Syncer() {
  if (thread_.joinable()) thread_.detach();
  while (tracked_ != nullptr) std::exchange(tracked_, tracked_->next_tracked)->release();
  while (handed_ != nullptr) std::exchange(handed_, handed_->next_opened)->release();
}

Result<void> Syncer::start() {
  try {
    thread_ = std::thread([syncer = shared_from_this()] { syncer->run(); });
    return {};
  } catch (const std::system_error& error) {
    return os_error(error.code().value(), "cannot start the thread that syncs", "");
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

void Syncer::run() noexcept {
  const BackgroundThread background;
  block_asynchronous_signals();
  auto next_look = Clock::now();
  auto next_round = Clock::now() + settings_.interval;
  bool is_helping = false;
  for (;;) {
    {
      auto until = next_look;
      if (settings_.sync == Sync::interval) until = std::min(until, next_round);
      if (is_helping) until = std::min(until, Clock::now() + kCatch_up_pause);
      std::unique_lock lock(mutex_);
      if (changed_.wait_until(lock, until, [&] { return is_stopped_; })) break;
    }
    const auto now = Clock::now();
    const bool is_look = now >= next_look;
    if (is_look) {
      next_look = now + std::max<Clock::duration>(kLook_interval, settings_.interval);
      journal_->clock().calibrate();
      exit_if_deserted();
    }
    if (settings_.sync == Sync::interval && now >= next_round) {
      next_round = now + settings_.interval;
      {
        const Turn turn(*this, Clock::time_point::max());
        (void)round();
      }
      tell();
    }
    if ((is_look || is_helping) && settings_.catch_up) {
      auto until = Clock::now() + kCatch_up_max;
      if (settings_.sync == Sync::interval) until = std::min(until, next_round);
      is_helping = settings_.catch_up(until);
    }
  }
  {
    const std::lock_guard lock(mutex_);
    has_ended_ = true;
  }
  changed_.notify_all();
}

bool Syncer::stop(Clock::time_point deadline) noexcept {
  {
    std::unique_lock lock(mutex_);
    is_stopped_ = true;
    changed_.notify_all();
    if (!changed_.wait_until(lock, deadline, [&] { return has_ended_; })) return false;
  }
  if (thread_.joinable()) thread_.join();
  return true;
}

bool Syncer::sync_now(Clock::time_point deadline) noexcept {
  const InCall in_call;
  for (;;) {
    bool is_done = false;
    {
      const Turn turn(*this, deadline);
      if (!turn) return false;
      is_done = round();
    }
    tell();
    if (is_done) return true;
    std::unique_lock lock(mutex_);
    const auto until = std::min(deadline, Clock::now() + kRetry_no_memory);
    if (changed_.wait_until(lock, until, [&] { return is_stopped_; }) || until == deadline) {
      return false;
    }
  }
}

// What lanes have opened goes on two lists: of what is to be synced, and of what the keeper gets.
void Syncer::collect() noexcept {
  OpenSegment* const opened = journal_->take_opened();
  if (opened == nullptr) return;
  const std::lock_guard lock(mutex_);
  for (OpenSegment* segment = opened; segment != nullptr; segment = segment->next_opened) {
    segment->retain();
    segment->next_tracked = std::exchange(tracked_, segment);
  }
  OpenSegment** end = &handed_;
  while (*end != nullptr) end = &(*end)->next_opened;
  *end = opened;
  has_new_names_ = true;
}

OpenSegment* Syncer::take_opened() noexcept {
  collect();
  const std::lock_guard lock(mutex_);
  return std::exchange(handed_, nullptr);
}

bool Syncer::let_go(OpenSegment& segment) noexcept {
  {
    std::unique_lock lock(mutex_);
    const auto is_free = [&] { return busy_with_ != &segment; };
    if (!changed_.wait_for(lock, kLet_go_patience, is_free)) return false;
    OpenSegment** at = &tracked_;
    while (*at != nullptr && *at != &segment) at = &(*at)->next_tracked;
    if (*at == nullptr) return true;
    *at = segment.next_tracked;
  }
  segment.release();
  return true;
}

bool Syncer::has_orphans() noexcept {
  const std::lock_guard lock(mutex_);
  for (const OpenSegment* one = tracked_; one != nullptr; one = one->next_tracked) {
    if (one->is_orphan) return true;
  }
  return false;
}

// One that this round has not come to, which stays until done_with() says so.
OpenSegment* Syncer::next_of_round(std::uint64_t round) noexcept {
  const std::lock_guard lock(mutex_);
  for (OpenSegment* one = tracked_; one != nullptr; one = one->next_tracked) {
    if (std::exchange(one->sync_round, round) != round) return busy_with_ = one;
  }
  return nullptr;
}

void Syncer::done_with(OpenSegment& segment) noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (busy_with_ == &segment) busy_with_ = nullptr;
  }
  changed_.notify_all();
}

// Each once, without the mutex: what is tracked meanwhile may come or not, and none goes under
// `visit`. The caller has the Turn.
template <typename Visit>
void Syncer::for_each_tracked(Visit visit) noexcept {
  std::uint64_t round = 0;
  {
    const std::lock_guard lock(mutex_);
    round = ++rounds_;
  }
  while (OpenSegment* const segment = next_of_round(round)) {
    visit(*segment);
    done_with(*segment);
  }
}

void Syncer::look_after_directory() noexcept {
  const auto alive = journal_->home().revive();
  if (!alive && alive.error().code != Errc::finished) note(alive.error());
}

// The caller has the Turn. False: no memory, it is to be done again.
bool Syncer::round() noexcept {
  collect();
  look_after_directory();
  {
    const std::lock_guard lock(mutex_);
    names_unsynced_ = std::exchange(has_new_names_, false) || names_unsynced_;
  }
  const std::uint64_t before = syncs_.load(std::memory_order_relaxed);
  for_each_tracked([&](OpenSegment& segment) {
    look_at(segment);
    sync_segment(segment);
  });
  journal_->home().sync_tally();
  const bool is_done = sync_names();
  const bool has_synced = syncs_.load(std::memory_order_relaxed) != before;
  if (has_synced) syncs_.store(before + 1, std::memory_order_relaxed);  // of rounds
  if (has_orphans() && settings_.wake_keeper) settings_.wake_keeper();
  return is_done;
}

void Syncer::look_at_files() noexcept {
  {
    const Turn turn(*this, Clock::now());
    if (turn) look_at_all();
  }
  tell();
}

void Syncer::look_at_files(std::span<OpenSegment* const> segments) noexcept {
  for (OpenSegment* const segment : segments) look_at(*segment);
  tell();
}

void Syncer::look_at_all() noexcept {
  collect();
  look_after_directory();
  for_each_tracked([&](OpenSegment& segment) { look_at(segment); });
}

// A segment whose file was removed still takes records, but only this process can see them. Close
// it: its records go into a pack from the map, and the lane goes on in a file that has a name. One
// that was moved with its directory is closed too, but its records stay in that directory, which
// somebody will recover by itself.
void Syncer::look_at(OpenSegment& segment) noexcept {
  try {
    if (segment.is_orphan || segment.has_moved) return;
    if (segment.gate.is_broken()) {
      give_up_file(segment, " does not take what is written to it");
    } else if (segment.file.has_left()) {
      has_lost_files_.store(true);
      JournalHome& home = journal_->home();
      bool has_moved = home.has_moved(segment.file);
      if (!has_moved) {
        (void)home.revive();  // it may have moved just now: this finds out, though it may fail
        has_moved = home.has_moved(segment.file);
      }
      if (has_moved) {
        segment.gate.request(Gate::kClose);
        segment.has_moved = true;
        if (settings_.wake_keeper) settings_.wake_keeper();
      } else {
        give_up_file(segment, " was removed while in use");
      }
    }
  } catch (const std::bad_alloc&) {
    // Looked at again in the next round.
  }
}

void Syncer::sync_segment(OpenSegment& segment) noexcept {
  const std::uint64_t at = segment.writer.at();
  if (at == segment.synced_at || segment.is_orphan) return;
  // The page under sync is write-protected; a writer that touches it again waits 1.5–15 µs for the
  // fault. So it is asked to go on in a fresh page, the pages it has not come to are left out, and
  // those that the sync took with it are touched again here (docs/decisions/0011).
  const bool is_open = !segment.gate.is_closed();
  if (is_open) segment.gate.request(Gate::kMove_on);
  segment.file.unmap_behind(segment.synced_at, at);
  Result<void> synced;
  try {
    synced = segment.file.sync(segment.synced_at, at);
  } catch (const std::bad_alloc&) {
    synced = out_of_memory();  // for the words of its failure
  }
  syncs_.fetch_add(1, std::memory_order_relaxed);
  if (!synced) {
    // The kernel takes the pages for written from now on, and the next sync would say success: the
    // file is not trusted again. Durable is what is in a pack.
    note(synced.error());
    give_up_file(segment, " cannot be synced");
    return;
  }
  if (is_open) {
    segment.file.touch(at, at + std::max(kTouch_bytes_min, 2 * (at - segment.synced_at)));
  }
  segment.synced_at = at;
}

bool Syncer::sync_names() noexcept {
  if (!names_unsynced_) return true;
  Result<void> synced;
  try {
    synced = sync_directory(journal_->directory().lanes());
  } catch (const std::bad_alloc&) {
    return false;
  }
  names_unsynced_ = false;
  if (synced) return true;
  note(synced.error());
  for_each_tracked([&](OpenSegment& segment) {
    if (!segment.is_orphan) give_up_file(segment, " may have no name on the disk");
  });
  return true;
}

// What it holds is read from the map, and is in the journal when it is in a pack.
void Syncer::give_up_file(OpenSegment& segment, const char* why) noexcept {
  segment.gate.request(Gate::kClose);
  if (segment.is_orphan.exchange(true)) return;  // who looks at it beside has told
  try {
    note(Error{Errc::io, 0,
               segment.file.path().native() + why + "; its records are being saved into a pack"});
  } catch (const std::bad_alloc&) {
    // Saved all the same.
  }
}

void Syncer::note(Error error) noexcept {
  try {
    const std::lock_guard lock(mutex_);
    noted_.push_back(std::move(error));
  } catch (const std::bad_alloc&) {
    // Nobody hears of it.
  }
}

// Behind a round, when nobody waits for this thread: who hears it may log, and wait for Durable.
void Syncer::tell() noexcept {
  std::vector<Error> noted;
  {
    const std::lock_guard lock(mutex_);
    noted.swap(noted_);
  }
  for (const Error& error : noted) {
    try {
      if (settings_.report) settings_.report(error);
    } catch (...) {
      // Nobody hears of it.
    }
  }
}

}  // namespace runlog
