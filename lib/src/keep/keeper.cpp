#include "keep/keeper.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

#include "base/out_of_memory.hpp"
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
/// After one that waits for a sync.
constexpr std::chrono::milliseconds kRetry_put_off{20};
/// Of a writer that finds no room, for who has the Turn.
constexpr std::chrono::milliseconds kHelp_patience{2};
/// The keeper has fallen behind when more than so many packs' worth of segments is full.
constexpr std::uint64_t kBacklog_packs = 2;
/// The least that packing gets of the end, however near the deadline.
constexpr std::chrono::seconds kPack_patience{2};
/// How long the keeper waits for its turn before it asks again.
constexpr std::chrono::minutes kTurn_patience{1};

}  // namespace

Keeper::Keeper(std::shared_ptr<Journal> journal, Settings settings)
    : journal_(std::move(journal)),
      settings_(std::move(settings)),
      next_ship_(Clock::now() + settings_.ship_interval) {
  for (auto& piece : reserve_) piece = std::make_unique<char[]>(kReserve_piece_bytes);
  no_memory_ = Error{Errc::io, ENOMEM,
                     "out of memory in the background of " + journal_->directory().path().native() +
                         "; what is to be done there is done when there is memory again"};
}

Keeper::~Keeper() {
  if (thread_.joinable()) thread_.detach();
}

Result<std::shared_ptr<Keeper>> Keeper::start(std::shared_ptr<Journal> journal, Settings settings) {
  const std::shared_ptr<Keeper> keeper(new Keeper(std::move(journal), std::move(settings)));
  if (auto started = catch_no_memory([&] { return keeper->start_threads(); }); !started) {
    if (keeper->shipper_ != nullptr) (void)keeper->shipper_->stop(Clock::now());
    if (keeper->syncer_ != nullptr) (void)keeper->syncer_->stop(Clock::now());
    return std::move(started).error();
  }
  return keeper;
}

Result<void> Keeper::start_threads() {
  ExpectedPacks::Home home{
      .times_revived = [journal = journal_] { return journal->home().times_revived(); },
      .was_removed = [journal =
                          journal_](auto times) { return journal->home().was_removed(times); }};
  auto shipper = Shipper::start({.directory = journal_->directory(),
                                 .meta = journal_->meta(),
                                 .store_url = settings_.store_url,
                                 .adopt_neighbours = settings_.adopt_neighbours,
                                 .keep_shipped = settings_.keep_shipped,
                                 .adopt_interval = settings_.ship_interval,
                                 .home = std::move(home),
                                 .report = settings_.report});
  if (!shipper) return std::move(shipper).error();
  shipper_ = std::move(*shipper);
  const auto wake_alive = [weak = weak_from_this()] {
    if (const auto alive = weak.lock()) alive->wake();
  };
  syncer_ = std::make_shared<Syncer>(
      journal_, Syncer::Settings{.sync = settings_.sync,
                                 .interval = settings_.sync_interval,
                                 .report = settings_.report,
                                 .wake_keeper = wake_alive,
                                 .catch_up = [weak = weak_from_this()](Clock::time_point until) {
                                   const auto alive = weak.lock();
                                   return alive && alive->catch_up(until);
                                 }});
  Shipper& ships = *shipper_;
  housekeeping_.emplace(
      *journal_, *syncer_,
      Housekeeping::Settings{
          .pack_bytes = settings_.pack_bytes,
          .overflow = settings_.overflow,
          .shipping = {
              .hold_back = [&ships](std::uint32_t pack) { ships.hold_back(pack); },
              .hold_nothing_back = [&ships] { ships.hold_nothing_back(); },
              .expect = [&ships](std::uint32_t pack,
                                 std::uint64_t records) { ships.expect_pack(pack, records); },
              .unless_busy_with =
                  [&ships](std::uint32_t pack, const std::function<void()>& work) {
                    ships.unless_busy_with(pack, work);
                  }},
          .report = settings_.report});
  if (auto started = syncer_->start(); !started) return started;
  journal_->set_keeper(wake_alive, [weak = weak_from_this()](std::chrono::milliseconds longest) {
    if (const auto alive = weak.lock()) alive->help(longest);
  });
  return start_thread();
}

Result<void> Keeper::start_thread() {
  try {
    // The thread owns the keeper: one that hangs in a system call may outlive the run.
    thread_ = std::thread([keeper = shared_from_this()] { keeper->run(); });
    return {};
  } catch (const std::system_error& error) {
    return os_error(error.code().value(), "cannot start the keeper's thread", "");
  }
}

void Keeper::free_reserve() noexcept {
  const std::lock_guard lock(reserve_mutex_);
  for (auto& piece : reserve_) piece.reset();
}

void Keeper::wake() noexcept {
  if (!is_awake_.exchange(true, std::memory_order_acq_rel)) work_.post();
}

void Keeper::run() {
  const BackgroundThread background;
  block_asynchronous_signals();
  lower_own_priority(kNice);
  for (;;) {
    auto wake_at = Clock::now();
    {
      Turn turn(turns_, Turn::Worker::keeper, Clock::now() + kTurn_patience);
      if (!turn) continue;
      if (is_over_ || turns_.is_stopped()) break;
      const Round result = round(turn);
      if (is_over_) break;
      if (result == Round::given_up) continue;
      wake_at = requests_.due();
    }
    crash_point("keeper_sleeps");
    work_.wait_until(wake_at);
    is_awake_.store(false, std::memory_order_release);
  }
  requests_.note_ended();
}

// A round that was not done leaves everything due that was.
Keeper::Round Keeper::round(Turn& turn) noexcept {
  Round result = Round::done;
  try {
    result = work(turn);
    if (turn.has_given_up()) result = Round::given_up;
  } catch (...) {
    result = Round::no_memory;
  }
  if (result == Round::done) turn.complete_round();
  requests_.set_due(next_due(turn, result));
  if (result == Round::no_memory) settings_.report(no_memory_);
  return result;
}

// When there is something to do after a round though nobody asks for it.
Keeper::Clock::time_point Keeper::next_due(Turn& turn, Round result) const {
  const auto now = Clock::now();
  if (result == Round::given_up) return now;
  if (result == Round::put_off) return now + kRetry_put_off;
  if (result == Round::no_memory) return now + kRetry_no_memory;
  return std::min(next_ship_, housekeeping_->due(turn, now));
}

// Everything that is due or asked for now. Put off, nothing that was asked for has failed: it waits
// for a sync of the device.
Keeper::Round Keeper::work(Turn& turn) {
  Requests::Asked asked = requests_.asked();
  const auto now = Clock::now();
  const bool is_ship_due = now >= next_ship_;
  const bool ships = is_ship_due || asked.is_any();
  const bool is_end = asked.end.has_value();
  const auto outcome = housekeeping_->round(turn, {.everything = ships, .end = is_end});
  if (!outcome) return Round::given_up;
  if (outcome->is_put_off) return Round::put_off;
  if (!turn.has_given_up() && is_ship_due) next_ship_ = now + settings_.ship_interval;
  requests_.settle(asked, outcome->is_packed, !turn.has_given_up());
  if (is_end) {
    if (outcome->is_empty) {
      housekeeping_->discard_reserves(turn);
      write_end(std::move(*asked.end));
      requests_.settle_end();
    }
    is_over_ = true;
  }
  if (ships || outcome->has_new_packs) shipper_->wake();
  return Round::done;
}

// A round of work in the caller's thread; when the keeper is in one, as soon as it gives that up.
// If it does not come to an end in time, the keeper does the rest.
Keeper::Round Keeper::work_now(Clock::time_point deadline, Clock::time_point work_deadline,
                               Turn::Worker worker) noexcept {
  Round result = Round::done;
  {
    Turn turn(turns_, worker, deadline, work_deadline);
    if (!turn) {
      result = Round::no_turn;
    } else if (!is_over_ && !turns_.is_stopped()) {
      result = round(turn);
    }
  }
  if (result != Round::done) wake();
  return result;
}

// The same, again as long as a sync of the device puts the work off.
Keeper::Round Keeper::work_through(Clock::time_point deadline,
                                   Clock::time_point work_deadline) noexcept {
  Round result = work_now(deadline, work_deadline);
  while (result == Round::put_off && Clock::now() < work_deadline) {
    result = work_now(deadline, work_deadline);
  }
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
  const Turns::Help help = turns_.look_in(is_behind);
  if (!help.is_on) return false;
  // No more rounds than the keeper would do: it has been woken, or its time has come.
  bool is_wanted = is_behind || help.is_wanted;
  is_wanted = is_wanted || Clock::now() >= requests_.due();
  is_wanted = is_awake_.exchange(false, std::memory_order_acq_rel) || is_wanted;
  if (is_wanted) (void)work_now(until, until, Turn::Worker::helper);
  return true;
}

void Keeper::flush() noexcept {
  requests_.ask_for_flush();
  wake();
}

Wait Keeper::pack_now(Clock::time_point deadline, Clock::duration memory_patience,
                      Clock::duration least) {
  const InCall in_call;
  const std::uint64_t request = requests_.ask_for_pack();
  const auto work_deadline = std::max(deadline, Clock::now() + least);
  if (work_through(deadline, work_deadline) == Round::no_memory &&
      deadline - Clock::now() > memory_patience) {
    deadline = Clock::now() + memory_patience;
  }
  return requests_.wait_for_pack(request, deadline);
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

void Keeper::write_end(End end) {
  end.records_lost = housekeeping_->counts().records_lost;
  const auto written =
      write_file_durably(journal_->directory().end(), to_json(end, journal_->meta()));
  if (!written) settings_.report(written.error());
}

void Keeper::finish(End end, Clock::time_point deadline) {
  const InCall in_call;
  requests_.ask_for_end(std::move(end));
  const auto memory_deadline = std::min(deadline, Clock::now() + kMemory_patience);
  const auto work_deadline = std::max(deadline, Clock::now() + kPack_patience);
  while (work_through(deadline, work_deadline) == Round::no_memory &&
         Clock::now() < memory_deadline) {
    free_reserve();
    (void)requests_.has_ended_within(kRetry_no_memory);
  }
  turns_.stop_work();
  turns_.end_help();
  wake();  // the thread sees that it is over
  if (requests_.has_ended_within(kLeave_patience) && thread_.joinable()) thread_.join();
  ship_rest(requests_.is_end_settled(), deadline);
  (void)syncer_->stop(Clock::now() + kLeave_patience);
  journal_->home().unlock();
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
    (void)requests_.has_ended_within(kRetry_no_memory);
    is_packed = pack_now(memory_deadline) == Wait::Done;
  }
  if (is_packed) write_end(std::move(end));
  ship_rest(is_packed, deadline);  // before handlers of their own end the libraries it uses
}

void Keeper::leave(Clock::time_point deadline) {
  (void)pack_now(deadline);
  {
    Turn turn(turns_, Turn::Worker::caller, deadline);
    if (!turn) return;
    is_over_ = true;
    housekeeping_->discard_reserves(turn);
  }
  turns_.end_help();
  wake();
  if (!requests_.has_ended_within(kLeave_patience)) return;
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
  const Housekeeping::Counts counts = housekeeping_->counts();
  stats.records_lost = counts.records_lost + shipped.records_gone;
  stats.dropped += counts.evicted_calls;
  stats.syncs = syncer_->syncs();
  stats.segments_sealed = counts.segments_sealed;
  stats.packs_made = counts.packs_made;
  stats.packs_waiting =
      shipper_->has_store() ? counts.packs_made - shipped.packs - shipped.packs_gone : 0;
}

}  // namespace runlog
