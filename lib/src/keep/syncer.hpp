// Syncer: makes durable what lanes append. start() gives it a thread of its own at the job's
// priority. The thread waits for the device and computes almost nothing, so neither packing nor a
// machine with busy cores delays it. A caller that waits for Durable syncs in its own thread. When
// the keeper has fallen behind, the syncer also does the keeper's work.
//
// It finds the segments that lanes open, passes them to the keeper, and syncs them until the keeper
// releases them. A file that was removed, or that could not be synced, is given up: its segment is
// an orphan from then on, which is durable when the keeper has packed it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "journal/journal.hpp"
#include "runlog/policy.hpp"

namespace runlog {

class Syncer : public std::enable_shared_from_this<Syncer> {
 public:
  struct Settings {
    Sync sync = Sync::interval;
    std::chrono::milliseconds interval{1'000};
    std::function<void(const Error&)> report = {};
    std::function<void()> wake_keeper = {};  ///< there are orphans
    /// Does the keeper's work until then, if it has fallen behind; asked once a second. True: it
    /// is to be asked again soon.
    std::function<bool(std::chrono::steady_clock::time_point)> catch_up = {};
  };
  using Clock = std::chrono::steady_clock;

  Syncer(std::shared_ptr<Journal> journal, Settings settings);
  ~Syncer();
  Syncer(const Syncer&) = delete;
  Syncer& operator=(const Syncer&) = delete;

  /// Starts the thread, which owns the syncer too: one that hangs in a sync may outlive the run.
  /// Without it only callers sync.
  Result<void> start();

  /// Keeper: the segments opened since the last call, oldest first, linked by next_opened. The
  /// caller owns a reference each. Needs no memory.
  [[nodiscard]] OpenSegment* take_opened() noexcept;
  /// Keeper: forgets a segment. True: nobody syncs it, and its file may go. False: it is just being
  /// synced, which may take as long as the device likes; ask again later.
  bool let_go(OpenSegment& segment) noexcept;
  /// Finds segments whose file was removed or moved: `is_orphan` and `has_moved`. Not while there
  /// is a round, which does so too.
  void look_at_files() noexcept;
  /// The same for `segments` alone, also beside a round, which may have looked at them long ago.
  /// The caller owns a reference each.
  void look_at_files(std::span<OpenSegment* const> segments) noexcept;
  /// Whether there are segments that only a pack makes durable.
  [[nodiscard]] bool has_orphans() noexcept;
  /// Whether segments have lost their files since the last call: spares probably have, too.
  [[nodiscard]] bool has_lost_files() noexcept { return has_lost_files_.exchange(false); }

  /// A round in the caller's thread, or after that of another. True: what was appended before the
  /// call is on the device, if there are no orphans. False: the deadline came first.
  bool sync_now(Clock::time_point deadline) noexcept;

  /// Ends the thread; false when it did not end in time, and is left behind.
  bool stop(Clock::time_point deadline) noexcept;
  [[nodiscard]] std::uint64_t syncs() const noexcept {
    return syncs_.load(std::memory_order_relaxed);
  }

 private:
  void run() noexcept;
  class Turn;
  bool round() noexcept;
  void look_after_directory() noexcept;
  void collect() noexcept;
  template <typename Visit>
  void for_each_tracked(Visit visit) noexcept;
  OpenSegment* next_of_round(std::uint64_t round) noexcept;
  void done_with(OpenSegment& segment) noexcept;
  void sync_segment(OpenSegment& segment) noexcept;
  bool sync_names() noexcept;
  void look_at_all() noexcept;
  void look_at(OpenSegment& segment) noexcept;
  void give_up_file(OpenSegment& segment, const char* why) noexcept;
  void note(Error error) noexcept;
  void tell() noexcept;

  const std::shared_ptr<Journal> journal_;
  const Settings settings_;
  std::thread thread_;  // joined by stop() if it ends in time, else left behind
  std::atomic<std::uint64_t> syncs_ = 0;
  std::atomic<bool> has_lost_files_ = false;

  // Of whoever has the Turn.
  bool names_unsynced_ = true;  // lanes/ has new names since the last sync

  std::mutex mutex_;
  std::condition_variable changed_;   // with mutex_
  bool is_taken_ = false;             // guarded by mutex_, as all below: somebody has the Turn
  std::uint64_t rounds_ = 0;          // begun
  OpenSegment* tracked_ = nullptr;    // a reference each, linked by next_tracked
  OpenSegment* handed_ = nullptr;     // what the keeper has not taken yet
  OpenSegment* busy_with_ = nullptr;  // which is being looked at without the mutex
  bool has_new_names_ = false;
  std::vector<Error> noted_;  // what tell() is to report
  bool is_stopped_ = false;
  bool has_ended_ = false;
};

}  // namespace runlog
