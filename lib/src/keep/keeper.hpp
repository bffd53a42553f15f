// Keeper: when the housekeeping of a journal is done, and by whom. Has a thread of the lowest
// priority for it, and no writer ever waits for that. Takes requests (a pack, a flush, the end) and
// tells who asked when they are done. Another thread syncs (keep/syncer.hpp).
//
// A caller that waits for an end or a pack does the work itself, in its own thread and at its own
// priority, unless the keeper is already doing it: on a machine with busy cores a thread of the
// lowest priority answers a fraction of a second late, once per fsync. The thread that works holds
// the Turn (keep/turns.hpp). A working keeper gives it up when a caller asks for it.
//
// On such a machine a fast writer also fills segments faster than the keeper can pack them. Then
// the syncer, which has the job's priority, does the keeper's work for a while, so that the end
// never finds more than about a second's segments.
//
// Without memory a round stops in the same way and is repeated a moment later.
//
// It lies above journal/, because it packs; journal/ only offers it closed segments.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "journal/journal.hpp"
#include "journal/meta.hpp"
#include "keep/housekeeping.hpp"
#include "keep/requests.hpp"
#include "keep/syncer.hpp"
#include "keep/turns.hpp"
#include "platform/semaphore.hpp"
#include "runlog/policy.hpp"
#include "runlog/stats.hpp"
#include "ship/shipper.hpp"

namespace runlog {

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
    /// Told of failures, in any thread. Throws nothing.
    std::function<void(const Error&)> report = [](const Error&) {};
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

  /// The fields of Stats that keeper and shipper know.
  void add_stats(Stats& stats) const;

 private:
  using Clock = Turns::Clock;
  Keeper(std::shared_ptr<Journal> journal, Settings settings);
  enum class Round : std::uint8_t { done, given_up, put_off, no_memory, no_turn };
  Result<void> start_threads();
  Result<void> start_thread();
  void run();
  Round round(Turn& turn) noexcept;
  Round work(Turn& turn);
  Round work_now(Clock::time_point deadline,
                 Clock::time_point work_deadline = Clock::time_point::max(),
                 Turn::Worker worker = Turn::Worker::caller) noexcept;
  Round work_through(Clock::time_point deadline, Clock::time_point work_deadline) noexcept;
  bool catch_up(Clock::time_point until) noexcept;
  [[nodiscard]] Clock::time_point next_due(Turn& turn, Round result) const;
  void free_reserve() noexcept;
  void write_end(End end);
  void ship_rest(bool is_packed, Clock::time_point deadline);

  const std::shared_ptr<Journal> journal_;
  const Settings settings_;
  // Set by start(), before there is another thread that could read them.
  std::shared_ptr<Shipper> shipper_;
  std::shared_ptr<Syncer> syncer_;
  std::optional<Housekeeping> housekeeping_;  // guarded by the Turn, but for its counts
  std::thread thread_;  // joined by finish() or leave() if it ends in time, else left behind

  Semaphore work_;
  std::atomic<bool> is_awake_ = false;  // a post is under way: further wakes need none
  Turns turns_;

  bool is_over_ = false;              // guarded by the Turn: the end's work is done
  Clock::time_point next_ship_ = {};  // guarded by the Turn

  /// Set aside for the end: in pieces that malloc keeps at hand when they are freed.
  static constexpr std::size_t kReserve_pieces = 16;
  std::array<std::unique_ptr<char[]>, kReserve_pieces> reserve_ = {};  // guarded by reserve_mutex_
  std::mutex reserve_mutex_;
  Error no_memory_ = {};  // what is told then, made beforehand; never changes

  Requests requests_;
};

}  // namespace runlog
