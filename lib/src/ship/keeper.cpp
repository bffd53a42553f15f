#include "ship/keeper.hpp"

#include <algorithm>
#include <ctime>
#include <thread>

#include "platform/file_system.hpp"
#include "platform/process.hpp"

namespace runlog {
namespace {

/// How long the end of a run waits for its idle threads to leave; they own what they use.
constexpr std::chrono::milliseconds kLeave_patience{100};
constexpr int kNice = 19;
/// Of the keeper, while somebody else works; then it asks again.
constexpr std::chrono::minutes kTurn_patience{1};
/// Behind what was synced, at least so much is made ready for the writer again.
constexpr std::uint64_t kTouch_bytes_min = 256u << 10;

}  // namespace

// The right to work on what the keeper owns: a mutex with a deadline, made of mutex_ and changed_
// (the thread sanitizer does not know std::timed_mutex's clock).
class Keeper::Turn {
 public:
  Turn(Keeper& keeper, Clock::time_point deadline) : keeper_(keeper) {
    std::unique_lock lock(keeper_.mutex_);
    has_it_ = keeper_.changed_.wait_until(lock, deadline, [&] { return !keeper_.is_taken_; });
    if (has_it_) keeper_.is_taken_ = true;
  }
  ~Turn() {
    if (!has_it_) return;
    {
      const std::lock_guard lock(keeper_.mutex_);
      keeper_.is_taken_ = false;
    }
    keeper_.changed_.notify_all();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  explicit operator bool() const noexcept { return has_it_; }

 private:
  Keeper& keeper_;
  bool has_it_ = false;
};

Keeper::Keeper(std::shared_ptr<Journal> journal, Settings settings)
    : journal_(std::move(journal)), settings_(std::move(settings)) {
  ::sem_init(&work_, 0, 0);
  next_sync_ = Clock::now() + settings_.sync_interval;
  next_ship_ = Clock::now() + settings_.ship_interval;
}

Keeper::~Keeper() {
  if (thread_.joinable()) thread_.detach();
  for (OpenSegment* segment : open_) segment->release();
  for (OpenSegment* segment : closed_) segment->release();
  ::sem_destroy(&work_);
}

Result<std::shared_ptr<Keeper>> Keeper::start(std::shared_ptr<Journal> journal, Settings settings) {
  const std::shared_ptr<Keeper> keeper(new Keeper(std::move(journal), std::move(settings)));
  const std::weak_ptr<Journal> weak_journal = keeper->journal_;
  auto shipper =
      Shipper::start({.directory = keeper->journal_->directory(),
                      .meta = keeper->journal_->meta(),
                      .store_url = keeper->settings_.store_url,
                      .root = keeper->settings_.root,
                      .find_file_system = keeper->settings_.find_file_system,
                      .keep_shipped = keeper->settings_.keep_shipped,
                      .adopt_interval = keeper->settings_.ship_interval,
                      .report = keeper->settings_.report,
                      .on_removed = [weak_journal](std::uint64_t bytes) {
                        if (const auto alive = weak_journal.lock()) {
                          alive->pool().add_disk_bytes(-static_cast<std::int64_t>(bytes));
                        }
                      }});
  if (!shipper) return std::move(shipper).error();
  keeper->shipper_ = std::move(*shipper);
  const std::weak_ptr<Keeper> weak = keeper;
  keeper->journal_->set_wake([weak] {
    if (const auto alive = weak.lock()) alive->wake();
  });
  try {
    // The thread owns the keeper: one that hangs in a system call may outlive the run.
    keeper->thread_ = std::thread([keeper] { keeper->run(); });
  } catch (const std::system_error& error) {
    (void)keeper->shipper_->stop(Clock::now());
    return os_error(error.code().value(), "cannot start the keeper's thread", "");
  }
  return keeper;
}

void Keeper::wake() noexcept {
  if (!is_awake_.exchange(true, std::memory_order_acq_rel)) ::sem_post(&work_);
}

void Keeper::sleep_until(Clock::time_point deadline) noexcept {
  const auto ns = deadline.time_since_epoch().count();  // steady_clock is CLOCK_MONOTONIC
  const timespec when{.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
  while (::sem_clockwait(&work_, CLOCK_MONOTONIC, &when) != 0 && errno == EINTR) {
  }
  is_awake_.store(false, std::memory_order_release);
}

void Keeper::flush() noexcept {
  {
    const std::lock_guard lock(mutex_);
    flush_requested_ = true;
  }
  wake();
}

Wait Keeper::wait_until(Stage stage, Clock::time_point deadline) {
  if (stage == Stage::Committed) return Wait::Done;
  std::unique_lock lock(mutex_);
  if (stage == Stage::Durable) {
    const std::uint64_t ticket = ++sync_requested_;
    lock.unlock();
    work_now(deadline);
    lock.lock();
    const bool settled = changed_.wait_until(lock, deadline, [&] {
      return sync_done_ >= ticket || sync_failed_ >= ticket || has_ended_;
    });
    if (sync_done_ >= ticket) return Wait::Done;
    return settled ? Wait::Failed : Wait::Timeout;
  }
  lock.unlock();
  if (!shipper_->has_store()) return Wait::Failed;
  if (const Wait packed = pack_now(deadline); packed != Wait::Done) return packed;
  switch (shipper_->wait_shipped(shipper_->request(), deadline)) {
    case Shipper::Reached::yes:
      return Wait::Done;
    case Shipper::Reached::timeout:
      return Wait::Timeout;
    case Shipper::Reached::failed:
      return Wait::Failed;
  }
  return Wait::Failed;
}

// A round of work in the caller's thread; when the keeper is in one, after that. If it does not
// come to an end in time, the keeper does the rest.
void Keeper::work_now(Clock::time_point deadline) {
  const Turn turn(*this, deadline);
  if (!turn) return wake();
  if (!is_over_) work();
}

Wait Keeper::pack_now(Clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  const std::uint64_t ticket = ++pack_requested_;
  lock.unlock();
  work_now(deadline);
  lock.lock();
  const bool settled = changed_.wait_until(
      lock, deadline, [&] { return pack_done_ >= ticket || pack_failed_ >= ticket || has_ended_; });
  if (pack_done_ >= ticket) return Wait::Done;
  return settled ? Wait::Failed : Wait::Timeout;
}

void Keeper::finish(End end, Clock::time_point deadline) {
  {
    const std::lock_guard lock(mutex_);
    end_ = std::move(end);
  }
  work_now(deadline);
  wake();  // the thread sees that it is over
  bool packed = false;
  bool has_ended = false;
  {
    std::unique_lock lock(mutex_);
    has_ended = changed_.wait_for(lock, kLeave_patience, [&] { return has_ended_; });
    packed = everything_packed_;
  }
  if (has_ended && thread_.joinable()) thread_.join();
  if (packed && shipper_->has_store()) {
    (void)shipper_->wait_shipped(shipper_->request(), deadline);
  }
  // A shipper caught in a dead network is left behind; it holds no lock and ends with the process.
  (void)shipper_->stop(Clock::now() + kLeave_patience);
  journal_->unlock();
}

void Keeper::add_stats(Stats& stats) const {
  const Shipper::Stats shipped = shipper_->stats();
  stats.packs_shipped = shipped.packs;
  stats.bytes_shipped = shipped.bytes;
  stats.records_shipped = shipped.records;
  stats.ship_retries = shipped.retries;
  stats.journals_adopted = shipped.adopted;
  const std::lock_guard lock(mutex_);
  stats.records_lost = stats_.records_lost;
  stats.dropped += stats_.dropped;
  stats.syncs = stats_.syncs;
  stats.segments_sealed = stats_.segments_sealed;
  stats.packs_made = stats_.packs_made;
  stats.packs_waiting = shipper_->has_store() ? stats_.packs_made - shipped.packs : 0;
}

void Keeper::report(const Error& error) {
  if (settings_.report) settings_.report(error);
}

void Keeper::collect_opened() {
  for (OpenSegment* segment : journal_->take_opened()) {
    open_.push_back(segment);
    names_unsynced_ = true;
  }
}

bool Keeper::is_dirty() const {
  return std::any_of(open_.begin(), open_.end(),
                     [](const OpenSegment* segment) {
                       return segment->writer.at() != segment->synced_at;
                     }) ||
         std::any_of(closed_.begin(), closed_.end(), [](const OpenSegment* segment) {
           return segment->writer.at() != segment->synced_at;
         });
}

// A segment whose file was removed still takes records, but only this process can see them. Close
// it: its records go into a pack from the map, in this round, and the lane goes on in a file that
// has a name. The spares were probably removed with it.
void Keeper::look_for_orphans() {
  std::vector<OpenSegment*> found;
  for (const auto* list : {&open_, &closed_}) {
    for (OpenSegment* segment : *list) {
      if (segment->is_orphan) continue;
      const auto info = stat_file(segment->file.fd(), segment->file.path());
      if (info && info->links == 0) found.push_back(segment);
    }
  }
  if (found.empty()) return;
  SegmentPool& pool = journal_->pool();
  pool.discard_spares();
  if (!pool.is_retired()) prepare_spares();
  for (OpenSegment* segment : found) {
    segment->is_orphan = true;
    segment->gate.request(Gate::kClose);
    report(Error{Errc::not_found, 0,
                 segment->file.path().native() +
                     " was removed while in use; its records are being saved into a pack"});
  }
}

bool Keeper::has_orphans() const {
  const auto is_orphan = [](const OpenSegment* segment) { return segment->is_orphan; };
  return std::any_of(open_.begin(), open_.end(), is_orphan) ||
         std::any_of(closed_.begin(), closed_.end(), is_orphan);
}

void Keeper::settle_sync(std::uint64_t ticket, bool is_done) {
  if (ticket == 0) return;
  {
    const std::lock_guard lock(mutex_);
    (is_done ? sync_done_ : sync_failed_) = ticket;
  }
  changed_.notify_all();
}

Result<void> Keeper::sync() {
  look_for_orphans();
  Result<void> result;
  for (auto* list : {&open_, &closed_}) {
    for (OpenSegment* segment : *list) {
      const std::uint64_t at = segment->writer.at();
      if (at == segment->synced_at) continue;
      // The page under sync is write-protected; a writer that touches it again waits 1.5–15 µs for
      // the fault. So it is asked to go on in a fresh page, the pages it has not come to are left
      // out, and those that the sync took with it are touched again here (docs/decisions/0036).
      if (list == &open_) segment->gate.request(Gate::kMove_on);
      segment->file.unmap_behind(segment->synced_at, at);
      auto synced = segment->file.sync(segment->synced_at, at);
      if (synced && list == &open_) {
        segment->file.touch(at, at + std::max(kTouch_bytes_min, 2 * (at - segment->synced_at)));
      }
      if (synced) {
        segment->synced_at = at;
      } else if (result) {
        result = std::move(synced);
      }
    }
  }
  if (names_unsynced_ && result) {
    result = sync_directory(journal_->directory().lanes());
    names_unsynced_ = !result;
  }
  const std::lock_guard lock(mutex_);
  ++stats_.syncs;
  return result;
}

void Keeper::run() {
  block_asynchronous_signals();
  lower_own_priority(kNice);
  for (;;) {
    auto wake_at = Clock::now();
    {
      const Turn turn(*this, Clock::now() + kTurn_patience);
      if (!turn) continue;
      if (is_over_) break;
      work();
      if (is_over_) break;
      wake_at =
          std::min(settings_.sync == Sync::interval ? next_sync_ : next_calibration_, next_ship_);
    }
    sleep_until(wake_at);
  }
  {
    const std::lock_guard lock(mutex_);
    has_ended_ = true;
  }
  changed_.notify_all();
}

// One round: everything that is due or asked for now. The caller has the Turn.
void Keeper::work() {
  std::uint64_t sync_ticket = 0;
  std::uint64_t pack_ticket = 0;
  bool wants_flush = false;
  std::optional<End> end;
  {
    const std::lock_guard lock(mutex_);
    if (sync_requested_ > std::max(sync_done_, sync_failed_)) sync_ticket = sync_requested_;
    if (pack_requested_ > std::max(pack_done_, pack_failed_)) pack_ticket = pack_requested_;
    wants_flush = std::exchange(flush_requested_, false);
    end = end_;
  }
  const bool is_ending = end.has_value();
  if (is_ending) journal_->pool().retire();
  const auto now = Clock::now();
  collect_opened();
  if (!is_ending) prepare_spares();
  if (now >= next_calibration_) {
    next_calibration_ =
        now + std::max<Clock::duration>(settings_.sync_interval, std::chrono::seconds(1));
    journal_->clock().calibrate();
  }
  const bool sync_due = settings_.sync == Sync::interval && now >= next_sync_;
  if (sync_due) next_sync_ = now + settings_.sync_interval;
  bool saves_orphans = false;
  if (sync_ticket != 0 || (sync_due && is_dirty())) {
    auto synced = sync();
    if (!synced) report(synced.error());
    // What lies in a file without a name is durable once it is in a pack.
    saves_orphans = has_orphans();
    if (!synced || !saves_orphans) settle_sync(std::exchange(sync_ticket, 0), bool(synced));
  }
  const bool ship_due = now >= next_ship_ || pack_ticket != 0 || wants_flush || is_ending;
  if (ship_due) {
    if (now >= next_ship_) next_ship_ = now + settings_.ship_interval;
    close_all(is_ending);
  }
  take_closed();
  // A writer may be in the middle of its append for a moment; at the end nobody appends any more.
  const bool waits_for_writers = ship_due || saves_orphans;
  for (int tries = 0; waits_for_writers && tries < 1000; ++tries) {
    if (std::none_of(open_.begin(), open_.end(), [](auto* one) { return one->gate.is_closed(); }))
      break;
    std::this_thread::yield();
    take_closed();
  }
  // Packed records take a fraction of the room of their segments.
  const bool all_packed = pack_closed(ship_due || is_short_of_room_ || saves_orphans);
  settle_sync(sync_ticket, !has_orphans());  // left open above: there were some
  if (is_short_of_room_ && !is_ending) {
    no_space_until_ = now;
    prepare_spares();
  }
  bool has_new_packs = false;
  {
    const std::lock_guard lock(mutex_);
    if (pack_ticket != 0) (all_packed ? pack_done_ : pack_failed_) = pack_ticket;
    has_new_packs = std::exchange(packs_seen_, stats_.packs_made) != stats_.packs_made;
    if (end) end->records_lost = stats_.records_lost;
  }
  if (is_ending) {
    is_over_ = true;
    if (all_packed && open_.empty()) {
      journal_->pool().discard_spares();
      const auto written =
          write_file_durably(journal_->directory().end(), to_json(*end, journal_->meta()));
      if (!written) report(written.error());
      const std::lock_guard lock(mutex_);
      everything_packed_ = true;
    }
  }
  changed_.notify_all();
  if (ship_due || has_new_packs) shipper_->wake();
}

}  // namespace runlog
