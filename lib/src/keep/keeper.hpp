// Keeper: the thread that prepares spares, closes segments that are due, packs closed segments,
// recycles, and tells the shipper. It has the lowest priority, and no writer ever waits for it.
// Another thread syncs (keep/syncer.hpp).
//
// A caller that waits for an end or a pack does the work itself, in its own thread and at its own
// priority, unless the keeper is already doing it: on a machine with busy cores a thread of the
// lowest priority answers a fraction of a second late, once per fsync. The thread that works holds
// the Turn. A working keeper gives it up when a caller asks for it, and leaves its work unfinished:
// an unfinished pack has no name yet, everything else continues where it stopped.
//
// On such a machine a fast writer also fills segments faster than the keeper can pack them. Then
// the syncer, which has the job's priority, does the keeper's work for a while, so that the end
// never finds more than about a second's segments. It gives up the Turn as the keeper does. The
// keeper sleeps meanwhile: if it were preempted during its work, it would delay both.
//
// Without memory a round stops in the same way and is repeated a moment later.
//
// It lies above journal/, because it packs; journal/ only offers it closed segments.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "journal/journal.hpp"
#include "journal/meta.hpp"
#include "keep/syncer.hpp"
#include "platform/file_system_kind.hpp"
#include "platform/semaphore.hpp"
#include "runlog/policy.hpp"
#include "runlog/stats.hpp"
#include "ship/shipper.hpp"

namespace runlog {

struct PackOutcome;

class Keeper : public std::enable_shared_from_this<Keeper> {
 public:
  struct Settings {
    Sync sync = Sync::interval;
    std::chrono::milliseconds sync_interval{1'000};
    std::chrono::milliseconds ship_interval{30'000};
    std::uint64_t pack_bytes = 16u << 20;
    Overflow overflow = Overflow::drop_newest_counted;
    bool keep_shipped = true;
    std::string store_url = {};
    std::function<void(const Adoptions&)> adopt_neighbours = {};  ///< see Shipper::Settings
    std::function<void(const Error&)> report = {};
  };

  /// Starts the threads: its own, the syncer's and the shipper's.
  static Result<std::shared_ptr<Keeper>> start(std::shared_ptr<Journal> journal, Settings settings);
  ~Keeper();

  /// There is work. Lock-free, any thread, at most one system call.
  void wake() noexcept;
  /// A round of work in the caller's thread, unless somebody is at it, and so long at most. Any
  /// thread.
  void help(std::chrono::milliseconds longest) noexcept;
  /// Everything appended before the call reaches `stage`. Blocks until then or the deadline.
  Wait wait_until(Stage stage, std::chrono::steady_clock::time_point deadline);
  /// Everything appended before the call is in packs, so that its segments are free again. Failed:
  /// the disk does not take a pack. Where memory is short, waits no longer than `memory_patience`.
  /// The caller's own work gets `least`, however near the deadline.
  Wait pack_now(std::chrono::steady_clock::time_point deadline,
                std::chrono::steady_clock::duration memory_patience =
                    std::chrono::steady_clock::duration::max(),
                std::chrono::steady_clock::duration least = {});
  /// A hint to ship now.
  void flush() noexcept;
  /// Packs what is left, writes end.json, ships; returns when done or at the deadline. The
  /// journal's lock is given up in both cases. Call once; no append may follow.
  void finish(End end, std::chrono::steady_clock::time_point deadline);
  /// The same when the process leaves by exit(): appends may follow until it is gone, so the keeper
  /// goes on and the lock stays taken; the process's death frees it.
  void finish_at_exit(End end, std::chrono::steady_clock::time_point deadline);
  /// After finish_at_exit(), the last thing before the process is gone: packs what came since then,
  /// and ships it where the store is a directory. No libcrypto any more: its own end may be past.
  void leave(std::chrono::steady_clock::time_point deadline);
  /// Memory that was set aside for the end is free from now on. Any thread.
  void free_reserve() noexcept;

  /// The fields of Stats that keeper and shipper know.
  void add_stats(Stats& stats) const;

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kRetry_no_space_after{500};
  Keeper(std::shared_ptr<Journal> journal, Settings settings);
  enum class Round : std::uint8_t { done, given_up, no_memory, no_turn };
  /// Who has the Turn: the keeper's thread, another of ours that works in its place, or somebody
  /// who waits for what is done.
  enum class Worker : std::uint8_t { keeper, helper, caller };
  void run();
  void work();
  Round round(Worker worker, Clock::time_point deadline) noexcept;
  Round work_now(Clock::time_point deadline,
                 Clock::time_point end_deadline = Clock::time_point::max(),
                 Worker worker = Worker::caller) noexcept;
  bool catch_up(Clock::time_point until) noexcept;
  void end_help() noexcept;
  [[nodiscard]] bool gives_up() noexcept;
  class Turn;
  void ship_rest(bool is_packed, Clock::time_point deadline);
  void sleep_until(Clock::time_point deadline) noexcept;
  void collect_opened();
  [[nodiscard]] Clock::time_point next_due(Round result) const;
  void prepare_spares();
  void replace_lost_spares();
  bool part_with_moved();
  void close_all(bool even_empty);
  void take_closed();
  void wait_for_writers();
  void end_journal(const End& end);
  bool pack_closed(bool everything);
  void end_starving() noexcept;
  Result<void> pack_some(std::size_t count);
  bool remove_packed();
  bool become_reserve(const OpenSegment& segment);
  bool make_room();
  bool evict_oldest_pack();
  void discard_reserves() noexcept;
  void note_counts(const PackOutcome& packed);
  void report(const Error& error) noexcept;

  const std::shared_ptr<Journal> journal_;
  const Settings settings_;
  std::shared_ptr<Shipper> shipper_;
  std::shared_ptr<Syncer> syncer_;
  std::thread thread_;  // joined by finish() if it ends in time, else left behind

  Semaphore work_;
  std::atomic<bool> is_awake_ = false;  // a post is under way: further wakes need none

  /// Callers who want the Turn; changed under mutex_. Read without it by the keeper at work.
  std::atomic<int> callers_ = 0;
  /// The run has ended: whoever still works stops, and leaves what there is to recovery.
  std::atomic<bool> is_left_ = false;

  // Of whoever has the Turn, down to the mutex.
  bool is_over_ = false;            // the end's work is done
  Worker worker_ = Worker::keeper;  // at work
  bool is_giving_up_ = false;       // this round is over
  bool took_flush_ = false;         // this round is to do what flush() asked for
  bool has_given_up_ = false;       // for a caller, and nobody has come to the end of a round since
  Clock::time_point end_deadline_ = {};  // of this round, whatever is left to do
  Clock::time_point next_ship_ = {};
  OpenSegment* opened_ = nullptr;     // a reference each: a list of those not yet in open_
  std::vector<OpenSegment*> open_;    // a reference each; lanes append to them
  std::vector<OpenSegment*> closed_;  // a reference each; ours alone; has room for all of open_
  std::size_t packed_ = 0;            // so many of closed_ from the front are in a pack already
  bool is_removal_unsynced_ = false;  // of those that were
  bool is_pack_unsynced_ = false;     // the name of that pack
  int removal_syncs_failed_ = 0;      // in a row
  bool has_pack_reserve_ = false;     // see reserve_pack()
  std::uint64_t late_seen_ = 0;
  std::uint64_t packs_seen_ = 0;
  struct PackCounts {
    std::uint64_t calls = 0;
    std::uint64_t dropped = 0;  // calls that its gap records tell of
    std::uint64_t records = 0;  // in its segments
  };
  std::map<std::uint32_t, PackCounts> counts_;  // of packs that may have to make room, by number
  Clock::time_point no_space_until_ = {};
  bool is_short_of_room_ = false;  // the last attempt to prepare a spare found no room
  Clock::time_point pack_retry_at_ = {};
  Clock::time_point pack_starves_since_ = {};  // there has been no room for one; or never

  /// Set aside for the end: in pieces that malloc keeps at hand when they are freed. guarded by
  /// reserve_mutex_
  static constexpr std::size_t kReserve_pieces = 16;
  std::array<std::unique_ptr<char[]>, kReserve_pieces> reserve_ = {};
  std::mutex reserve_mutex_;
  Error no_memory_ = {};  // what is told then, made beforehand

  mutable std::mutex mutex_;
  std::condition_variable changed_;  // with mutex_
  bool is_taken_ = false;            // guarded by mutex_, as all below: somebody has the Turn
  bool is_helped_ = false;           // the syncer works in the keeper's place
  Clock::time_point helped_until_ = {};
  Clock::time_point due_ = {};  // the next round, when nobody asks for one
  bool wants_turn_ = false;     // the keeper's thread, since it was helped last
  bool is_help_over_ = false;   // the run ends: the keeper's thread is to come to its end
  std::uint64_t pack_requested_ = 0;
  std::uint64_t pack_done_ = 0;
  std::uint64_t pack_failed_ = 0;
  bool flush_requested_ = false;
  std::optional<End> end_ = {};
  bool has_ended_ = false;
  bool everything_packed_ = false;
  Stats stats_ = {};
};

}  // namespace runlog
