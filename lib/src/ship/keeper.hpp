// Keeper: the background thread of a run. Keeps spares ready, syncs, closes segments that are due,
// packs what is closed, recycles, and tells the shipper. It runs at the lowest priority and nothing
// a writer does ever waits for it.
//
// Who asks for an end or a sync and waits for it does the work itself, in his own thread and at his
// own priority, when the keeper is not at it already: on a machine with busy cores a thread of the
// lowest priority answers a fraction of a second late, once per fsync. Whoever works has the Turn.
//
// It lives here, above journal/, because it packs; journal/ only offers it closed segments.
#pragma once

#include <semaphore.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "journal/journal.hpp"
#include "journal/meta.hpp"
#include "platform/file_system_kind.hpp"
#include "runlog/options.hpp"
#include "runlog/run.hpp"
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
    std::filesystem::path root = {};
    FindFileSystem find_file_system = file_system_of;
    std::function<void(const Error&)> report = {};
  };

  /// Starts the keeper's and the shipper's threads.
  static Result<std::shared_ptr<Keeper>> start(std::shared_ptr<Journal> journal, Settings settings);
  ~Keeper();

  /// There is work. Lock-free, any thread, at most one system call.
  void wake() noexcept;
  /// Everything appended before the call reaches `stage`. Blocks until then or the deadline.
  Wait wait_until(Stage stage, std::chrono::steady_clock::time_point deadline);
  /// Everything appended before the call is in packs, so that its segments are free again. Failed:
  /// the disk does not take a pack.
  Wait pack_now(std::chrono::steady_clock::time_point deadline);
  /// A hint to ship now.
  void flush() noexcept;
  /// Packs what is left, writes end.json, ships; returns when done or at the deadline. The
  /// journal's lock is given up in both cases. Call once; no append may follow.
  void finish(End end, std::chrono::steady_clock::time_point deadline);

  /// The fields of Stats that keeper and shipper know.
  void add_stats(Stats& stats) const;

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kRetry_no_space_after{500};
  Keeper(std::shared_ptr<Journal> journal, Settings settings);
  void run();
  void work();
  void work_now(Clock::time_point deadline);
  class Turn;
  void sleep_until(Clock::time_point deadline) noexcept;
  void collect_opened();
  void prepare_spares();
  void look_for_orphans();
  [[nodiscard]] bool has_orphans() const;
  [[nodiscard]] bool is_dirty() const;
  Result<void> sync();
  void settle_sync(std::uint64_t ticket, bool is_done);
  void close_all(bool even_empty);
  void take_closed();
  bool pack_closed(bool everything);
  Result<void> pack_some(std::size_t count);
  bool make_room();
  void evict_shipped(std::uint64_t wanted_bytes);
  void evict_oldest_pack();
  void report(const Error& error);

  const std::shared_ptr<Journal> journal_;
  const Settings settings_;
  std::shared_ptr<Shipper> shipper_;
  std::thread thread_;  // joined by finish() if it ends in time, else left behind

  sem_t work_;
  std::atomic<bool> is_awake_ = false;  // a post is under way: further wakes need none

  // Of whoever has the Turn, down to the mutex.
  bool is_over_ = false;  // the end's work is done
  Clock::time_point next_sync_ = {};
  Clock::time_point next_ship_ = {};
  Clock::time_point next_calibration_ = {};
  std::vector<OpenSegment*> open_;    // a reference each; lanes append to them
  std::vector<OpenSegment*> closed_;  // a reference each; ours alone
  std::uint64_t late_seen_ = 0;
  std::uint64_t packs_seen_ = 0;
  bool names_unsynced_ = false;  // lanes/ has new names since the last sync
  Clock::time_point no_space_until_ = {};
  bool is_short_of_room_ = false;  // the last attempt to prepare a spare found no room
  Clock::time_point pack_retry_at_ = {};

  mutable std::mutex mutex_;
  std::condition_variable changed_;  // with mutex_
  bool is_taken_ = false;            // guarded by mutex_, as all below: somebody has the Turn
  std::uint64_t sync_requested_ = 0;
  std::uint64_t sync_done_ = 0;
  std::uint64_t sync_failed_ = 0;  // the last ticket whose sync failed
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
