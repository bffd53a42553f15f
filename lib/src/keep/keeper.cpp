#include "keep/keeper.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <thread>
#include <utility>

#include "base/out_of_memory.hpp"
#include "keep/packer.hpp"
#include "platform/crash_point.hpp"
#include "platform/file_system.hpp"
#include "platform/in_call.hpp"
#include "platform/process.hpp"
#include "platform/process_exit.hpp"

namespace runlog {
namespace {

/// How long the end of a run waits for its idle threads to leave; they own what they use.
constexpr std::chrono::milliseconds kLeave_patience{100};
constexpr int kNice = 19;
constexpr std::size_t kReserve_piece_bytes = 16u << 10;
/// After a round that found no memory.
constexpr std::chrono::milliseconds kRetry_no_memory{100};
/// So long the end waits for memory, if its deadline is not before that. What is left then is on
/// disk, for recovery to pack.
constexpr std::chrono::seconds kMemory_patience{2};
/// Between attempts to pack, or to remove what is packed, after one that failed.
constexpr std::chrono::milliseconds kRetry_background{500};
/// Of a writer that finds no room, for who has the Turn.
constexpr std::chrono::milliseconds kHelp_patience{2};
/// The keeper has fallen behind when more than so many packs' worth of segments is full.
constexpr std::uint64_t kBacklog_packs = 2;
/// So long it is helped then, each time: left alone at once it would fall behind again, and hold up
/// a writer that needs a spare meanwhile.
constexpr std::chrono::seconds kHelp_hold{10};
/// The least that packing gets of the end, however near the deadline.
constexpr std::chrono::seconds kPack_patience{2};
/// How long the keeper waits for its turn before it asks again.
constexpr std::chrono::minutes kTurn_patience{1};

void make_room_for(std::vector<OpenSegment*>& list, std::size_t count) {
  if (list.capacity() < count) list.reserve(2 * count);
}

}  // namespace

// The right to work on what the keeper owns: a mutex with a deadline, made of mutex_ and changed_
// (the thread sanitizer does not know std::timed_mutex's clock).
class Keeper::Turn {
 public:
  /// `is_own`: the keeper's thread, which comes after all others.
  Turn(Keeper& keeper, Clock::time_point deadline, bool is_own) : keeper_(keeper) {
    std::unique_lock lock(keeper_.mutex_);
    if (is_own) {
      keeper_.wants_turn_ = true;
    } else {
      keeper_.callers_.fetch_add(1, std::memory_order_relaxed);
    }
    has_it_ = keeper_.changed_.wait_until(lock, deadline, [&] {
      const bool is_mine =
          !is_own || (keeper_.callers_.load(std::memory_order_relaxed) == 0 && !keeper_.is_helped_);
      return is_mine && !keeper_.is_taken_;
    });
    if (has_it_) keeper_.is_taken_ = true;
    if (is_own) {
      keeper_.is_helped_ = false;  // else the helper is stuck: a sync that never returns
      return;
    }
    keeper_.callers_.fetch_sub(1, std::memory_order_relaxed);
    if (has_it_) return;
    lock.unlock();
    keeper_.changed_.notify_all();  // it may be the keeper's now
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
  next_ship_ = Clock::now() + settings_.ship_interval;
  for (auto& piece : reserve_) piece = std::make_unique<char[]>(kReserve_piece_bytes);
  no_memory_ = Error{Errc::io, ENOMEM,
                     "out of memory in the background of " + journal_->directory().path().native() +
                         "; what is to be done there is done when there is memory again"};
}

void Keeper::free_reserve() noexcept {
  const std::lock_guard lock(reserve_mutex_);
  for (auto& piece : reserve_) piece.reset();
}

Keeper::~Keeper() {
  if (thread_.joinable()) thread_.detach();
  while (opened_ != nullptr) std::exchange(opened_, opened_->next_opened)->release();
  for (OpenSegment* segment : open_) segment->release();
  for (OpenSegment* segment : closed_) segment->release();
}

Result<std::shared_ptr<Keeper>> Keeper::start(std::shared_ptr<Journal> journal, Settings settings) {
  const std::shared_ptr<Keeper> keeper(new Keeper(std::move(journal), std::move(settings)));
  auto shipper = Shipper::start({.directory = keeper->journal_->directory(),
                                 .meta = keeper->journal_->meta(),
                                 .store_url = keeper->settings_.store_url,
                                 .adopt_neighbours = keeper->settings_.adopt_neighbours,
                                 .keep_shipped = keeper->settings_.keep_shipped,
                                 .adopt_interval = keeper->settings_.ship_interval,
                                 .report = keeper->settings_.report});
  if (!shipper) return std::move(shipper).error();
  keeper->shipper_ = std::move(*shipper);
  // What was started before something failed, an exception included.
  struct Started {
    Keeper& keeper;
    bool is_whole = false;
    ~Started() {
      if (is_whole) return;
      (void)keeper.shipper_->stop(Clock::now());
      if (keeper.syncer_ != nullptr) (void)keeper.syncer_->stop(Clock::now());
    }
  } started{*keeper};
  // Before a writer takes the last inode.
  keeper->has_pack_reserve_ = reserve_pack(keeper->journal_->directory()).has_value();
  const std::weak_ptr<Keeper> weak = keeper;
  auto syncer = Syncer::start(keeper->journal_, {.sync = keeper->settings_.sync,
                                                 .interval = keeper->settings_.sync_interval,
                                                 .report = keeper->settings_.report,
                                                 .wake_keeper =
                                                     [weak] {
                                                       if (const auto alive = weak.lock())
                                                         alive->wake();
                                                     },
                                                 .catch_up =
                                                     [weak](Clock::time_point until) {
                                                       const auto alive = weak.lock();
                                                       return alive && alive->catch_up(until);
                                                     }});
  if (!syncer) return std::move(syncer).error();
  keeper->syncer_ = std::move(*syncer);
  try {
    keeper->journal_->set_keeper(
        [weak] {
          if (const auto alive = weak.lock()) alive->wake();
        },
        [weak](std::chrono::milliseconds longest) {
          if (const auto alive = weak.lock()) alive->help(longest);
        });
    // The thread owns the keeper: one that hangs in a system call may outlive the run.
    keeper->thread_ = std::thread([keeper] { keeper->run(); });
  } catch (const std::system_error& error) {
    return os_error(error.code().value(), "cannot start the keeper's thread", "");
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
  started.is_whole = true;
  return keeper;
}

void Keeper::wake() noexcept {
  if (!is_awake_.exchange(true, std::memory_order_acq_rel)) work_.post();
}

void Keeper::sleep_until(Clock::time_point deadline) noexcept {
  work_.wait_until(deadline);
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
  const InCall in_call;
  if (stage == Stage::Durable) {
    if (!syncer_->sync_now(deadline)) return Wait::Timeout;
    if (!syncer_->has_orphans()) return Wait::Done;
    // What lies in a file without a name, or that cannot be synced, is durable once it is in a
    // pack.
    const Wait packed = pack_now(deadline);
    return packed == Wait::Done && syncer_->has_orphans() ? Wait::Failed : packed;
  }
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

// A round of work in the caller's thread; when the keeper is in one, as soon as it gives that up.
// If it does not come to an end in time, the keeper does the rest.
Keeper::Round Keeper::work_now(Clock::time_point deadline, Clock::time_point end_deadline,
                               Worker worker) noexcept {
  Round result = Round::done;
  {
    const Turn turn(*this, deadline, false);
    if (!turn) {
      result = Round::no_turn;
    } else if (!is_over_ && !is_left_.load(std::memory_order_relaxed)) {
      result = round(worker, end_deadline);
    }
  }
  if (result != Round::done) wake();
  return result;
}

void Keeper::help(std::chrono::milliseconds longest) noexcept {
  const InCall in_call;
  const auto now = Clock::now();
  (void)work_now(now + std::min(kHelp_patience, longest), now + longest);
}

bool Keeper::catch_up(Clock::time_point until) noexcept {
  const SegmentPool& pool = journal_->pool();
  const std::uint64_t in_use = (pool.spares() + journal_->lanes()) * pool.limits().segment_bytes;
  const bool is_behind = pool.segment_bytes() > in_use + kBacklog_packs * settings_.pack_bytes;
  const auto now = Clock::now();
  bool is_helped = false;
  bool was_helped = false;
  bool is_wanted = is_behind;
  {
    const std::lock_guard lock(mutex_);
    if (is_behind) helped_until_ = now + kHelp_hold;
    is_helped = now < helped_until_ && !is_help_over_;
    was_helped = std::exchange(is_helped_, is_helped);
    // No more rounds than the keeper would do: it has been woken, or its time has come.
    if (is_helped) is_wanted = std::exchange(wants_turn_, false) || is_wanted || now >= due_;
  }
  if (was_helped && !is_helped) changed_.notify_all();
  if (!is_helped) return false;
  is_wanted = is_awake_.exchange(false, std::memory_order_acq_rel) || is_wanted;
  if (is_wanted) (void)work_now(until, until, Worker::helper);
  return true;
}

void Keeper::end_help() noexcept {
  {
    const std::lock_guard lock(mutex_);
    is_help_over_ = true;
    is_helped_ = false;
  }
  changed_.notify_all();
}

// Asked every few milliseconds of work. The keeper gives up for who waits for the Turn; if that one
// has lost his patience meanwhile, the keeper comes to an end next time, or short waits in a row
// would keep it from ever getting anywhere.
bool Keeper::gives_up() noexcept {
  if (is_giving_up_) return true;
  if (is_left_.load(std::memory_order_relaxed)) {
    is_giving_up_ = true;
  } else if (worker_ != Worker::keeper && Clock::now() >= end_deadline_) {
    is_giving_up_ = true;
  } else if (worker_ != Worker::caller) {
    is_giving_up_ = !has_given_up_ && callers_.load(std::memory_order_relaxed) > 0;
    has_given_up_ = has_given_up_ || is_giving_up_;
  }
  return is_giving_up_;
}

// The caller has the Turn. A round that was not done leaves everything due that was.
Keeper::Round Keeper::round(Worker worker, Clock::time_point end_deadline) noexcept {
  worker_ = worker;
  is_giving_up_ = false;
  end_deadline_ = end_deadline;
  took_flush_ = false;
  const auto next_ship = next_ship_;
  Round result = Round::done;
  try {
    work();
    if (is_giving_up_) result = Round::given_up;
  } catch (...) {
    result = Round::no_memory;
  }
  if (result == Round::done) {
    has_given_up_ = false;
  } else {
    next_ship_ = next_ship;
  }
  {
    const std::lock_guard lock(mutex_);
    if (result != Round::done && std::exchange(took_flush_, false)) flush_requested_ = true;
    due_ = next_due(result);
  }
  if (result == Round::no_memory) report(no_memory_);
  return result;
}

// When there is something to do after a round though nobody asks for it.
Keeper::Clock::time_point Keeper::next_due(Round result) const {
  const auto now = Clock::now();
  if (result == Round::given_up) return now;
  if (result == Round::no_memory) return now + kRetry_no_memory;
  auto due = next_ship_;
  if (is_short_of_room_) due = std::min(due, no_space_until_);
  if (is_removal_unsynced_ || (!closed_.empty() && pack_retry_at_ > now)) {
    due = std::min(due, now + kRetry_background);
  }
  return due;
}

Wait Keeper::pack_now(Clock::time_point deadline, Clock::duration memory_patience,
                      Clock::duration least) {
  const InCall in_call;
  std::unique_lock lock(mutex_);
  const std::uint64_t ticket = ++pack_requested_;
  lock.unlock();
  const auto end_deadline = std::max(deadline, Clock::now() + least);
  if (work_now(deadline, end_deadline) == Round::no_memory &&
      deadline - Clock::now() > memory_patience) {
    deadline = Clock::now() + memory_patience;
  }
  lock.lock();
  const bool settled = changed_.wait_until(
      lock, deadline, [&] { return pack_done_ >= ticket || pack_failed_ >= ticket || has_ended_; });
  if (pack_done_ >= ticket) return Wait::Done;
  return settled ? Wait::Failed : Wait::Timeout;
}

void Keeper::finish(End end, Clock::time_point deadline) {
  const InCall in_call;
  {
    const std::lock_guard lock(mutex_);
    end_ = std::move(end);
  }
  const auto memory_deadline = std::min(deadline, Clock::now() + kMemory_patience);
  const auto end_deadline = std::max(deadline, Clock::now() + kPack_patience);
  while (work_now(deadline, end_deadline) == Round::no_memory && Clock::now() < memory_deadline) {
    free_reserve();
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kRetry_no_memory, [&] { return has_ended_; });
  }
  is_left_.store(true, std::memory_order_relaxed);
  end_help();
  wake();  // the thread sees that it is over
  bool packed = false;
  bool has_ended = false;
  {
    std::unique_lock lock(mutex_);
    has_ended = changed_.wait_for(lock, kLeave_patience, [&] { return has_ended_; });
    packed = everything_packed_;
  }
  if (has_ended && thread_.joinable()) thread_.join();
  ship_rest(packed, deadline);
  (void)syncer_->stop(Clock::now() + kLeave_patience);
  journal_->unlock();
}

// A shipper caught in a dead network is left behind; it holds no lock and ends with the process.
void Keeper::ship_rest(bool is_packed, Clock::time_point deadline) {
  if (is_packed && shipper_->has_store()) {
    (void)shipper_->wait_shipped(shipper_->request(), deadline);
  }
  (void)shipper_->stop(Clock::now() + kLeave_patience);
}

void Keeper::finish_at_exit(End end, Clock::time_point deadline) {
  free_reserve();
  bool is_packed = pack_now(deadline, kMemory_patience, kPack_patience) == Wait::Done;
  // Memory, or room, may come back in a moment.
  const auto memory_deadline = std::min(deadline, Clock::now() + kMemory_patience);
  while (!is_packed && Clock::now() < memory_deadline) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, kRetry_no_memory, [&] { return has_ended_; });
    }
    is_packed = pack_now(memory_deadline) == Wait::Done;
  }
  if (is_packed) {
    {
      const std::lock_guard lock(mutex_);
      end.records_lost = stats_.records_lost;
    }
    const auto written =
        write_file_durably(journal_->directory().end(), to_json(end, journal_->meta()));
    if (!written) report(written.error());
  }
  ship_rest(is_packed, deadline);  // before handlers of their own end the libraries it uses
}

void Keeper::leave(Clock::time_point deadline) {
  (void)pack_now(deadline);
  {
    const Turn turn(*this, deadline, false);
    if (!turn) return;
    is_over_ = true;
    discard_reserves();
  }
  end_help();
  wake();
  {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kLeave_patience, [&] { return has_ended_; })) return;
  }
  if (thread_.joinable()) thread_.join();
  (void)syncer_->stop(Clock::now() + kLeave_patience);
  shipper_->ship_after_stop();
}

void Keeper::add_stats(Stats& stats) const {
  const Shipper::Stats shipped = shipper_->stats();
  stats.packs_shipped = shipped.packs;
  stats.bytes_shipped = shipped.bytes;
  stats.records_shipped = shipped.records;
  stats.ship_retries = shipped.retries;
  stats.objects_refused = shipped.refused;
  stats.journals_adopted = shipped.adopted;
  const std::lock_guard lock(mutex_);
  stats.records_lost = stats_.records_lost;
  stats.dropped += stats_.dropped;
  stats.syncs = syncer_->syncs();
  stats.segments_sealed = stats_.segments_sealed;
  stats.packs_made = stats_.packs_made;
  stats.packs_waiting = shipper_->has_store() ? stats_.packs_made - shipped.packs : 0;
}

void Keeper::report(const Error& error) noexcept {
  try {
    if (settings_.report) settings_.report(error);
  } catch (...) {
    // Nobody hears of it.
  }
}

void Keeper::collect_opened() {
  OpenSegment** end = &opened_;
  while (*end != nullptr) end = &(*end)->next_opened;
  *end = syncer_->take_opened();
  while (opened_ != nullptr) {
    make_room_for(open_, open_.size() + 1);
    make_room_for(closed_, closed_.size() + open_.size() + 1);
    open_.push_back(std::exchange(opened_, opened_->next_opened));
  }
}

// Where segments have lost their files, spares have too.
void Keeper::replace_lost_spares() {
  if (!syncer_->has_lost_files()) return;
  SegmentPool& pool = journal_->pool();
  pool.discard_spares();
  if (pool.is_retired()) return;
  prepare_spares();
  if (auto made = pool.set_aside_for_end(); !made) report(made.error());
}

void Keeper::run() {
  const BackgroundThread background;
  block_asynchronous_signals();
  lower_own_priority(kNice);
  for (;;) {
    auto wake_at = Clock::now();
    {
      const Turn turn(*this, Clock::now() + kTurn_patience, true);
      if (!turn) continue;
      if (is_over_ || is_left_.load(std::memory_order_relaxed)) break;
      const Round result = round(Worker::keeper, Clock::time_point::max());
      if (is_over_) break;
      if (result == Round::given_up) continue;
      const std::lock_guard lock(mutex_);
      wake_at = due_;
    }
    crash_point("keeper_sleeps");
    sleep_until(wake_at);
  }
  {
    const std::lock_guard lock(mutex_);
    has_ended_ = true;
  }
  changed_.notify_all();
}

// One round: everything that is due or asked for now. The caller has the Turn. Breaks off where
// gives_up() says so, and, by an exception, where there is no memory: what was asked for then still
// is.
void Keeper::work() {
  std::uint64_t pack_ticket = 0;
  bool wants_flush = false;
  std::optional<End> end;
  {
    const std::lock_guard lock(mutex_);
    if (pack_requested_ > std::max(pack_done_, pack_failed_)) pack_ticket = pack_requested_;
    wants_flush = took_flush_ = std::exchange(flush_requested_, false);
    end = end_;
  }
  const bool is_ending = end.has_value();
  if (is_ending) journal_->pool().retire();
  const auto now = Clock::now();
  collect_opened();
  if (!is_ending) prepare_spares();
  if (!has_pack_reserve_) has_pack_reserve_ = reserve_pack(journal_->directory()).has_value();
  if (gives_up()) return;
  replace_lost_spares();
  const bool saves_orphans = syncer_->has_orphans();
  const bool ship_due = now >= next_ship_ || pack_ticket != 0 || wants_flush || is_ending;
  if (ship_due) {
    if (now >= next_ship_) next_ship_ = now + settings_.ship_interval;
    close_all(is_ending);
  }
  take_closed();
  if (ship_due || saves_orphans) wait_for_writers();
  if (gives_up()) return;
  // Packed records take a fraction of the room of their segments.
  const bool all_packed = pack_closed(ship_due || is_short_of_room_ || saves_orphans);
  if (gives_up()) return;
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
    if (all_packed && open_.empty()) end_journal(*end);
    is_over_ = true;
  }
  changed_.notify_all();
  if (ship_due || has_new_packs) shipper_->wake();
}

// Of closed segments. A writer may be in the middle of its append for a moment; at the end nobody
// appends any more.
void Keeper::wait_for_writers() {
  for (int tries = 0; tries < 1000 && !gives_up(); ++tries) {
    if (std::none_of(open_.begin(), open_.end(), [](auto* one) { return one->gate.is_closed(); }))
      return;
    std::this_thread::yield();
    take_closed();
  }
}

// Everything is in packs.
void Keeper::end_journal(const End& end) {
  discard_reserves();
  const auto written =
      write_file_durably(journal_->directory().end(), to_json(end, journal_->meta()));
  if (!written) report(written.error());
  const std::lock_guard lock(mutex_);
  everything_packed_ = true;
}

}  // namespace runlog
