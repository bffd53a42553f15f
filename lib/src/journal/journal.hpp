// Journal: the directory of one process's incarnation, and all appending to it. Gives each thread
// that logs much a lane of its own; threads that log rarely share lane 0 under a mutex.
//
// It writes and never reads; the keeper takes closed segments from it (take_opened) and gives them
// back to its pool. A journal of a forked child has no keeper: then nothing is sealed or packed
// until somebody adopts it.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "journal/journal_dir.hpp"
#include "journal/lane.hpp"
#include "journal/meta.hpp"
#include "platform/clock.hpp"
#include "platform/file_lock.hpp"

namespace runlog {

class Journal : public std::enable_shared_from_this<Journal> {
 public:
  struct Settings {
    JournalDir directory = {};
    Meta meta = {};
    Session session = {};
    SegmentPool::Limits limits = {};
    Overflow overflow = Overflow::drop_newest_counted;
    std::chrono::milliseconds overflow_block{100};
    bool sync_each_record = false;
    bool crash_marker = true;
    std::function<void(const Error&)> report = {};
  };

  static constexpr std::size_t kLanes_max = 32;
  /// So many records a thread logs through the shared lane before it gets one of its own.
  static constexpr std::uint32_t kShared_records = 64;

  /// Creates the directory, takes LOCK, writes meta.json, prepares the first segment.
  static Result<std::shared_ptr<Journal>> create(Settings settings);
  ~Journal();

  /// Appends; any thread. Names are used as given (the caller has mended them).
  void metric(format::Tag tag, std::uint32_t series, std::uint64_t bits, bool has_step,
              std::int64_t step, std::int64_t time_ns) noexcept;
  bool event(const format::Event& event) noexcept;
  /// For the keeper's thread alone: through a lane of its own, so that no logger waits for a thread
  /// of the lowest priority that holds the shared lane.
  bool keeper_event(const format::Event& event) noexcept {
    return keeper_lane_.append_event(event);
  }

  [[nodiscard]] std::int64_t now_ns() const noexcept { return clock_.now_ns(); }
  [[nodiscard]] SeriesTable& series() noexcept { return series_; }
  [[nodiscard]] SegmentPool& pool() noexcept { return pool_; }
  [[nodiscard]] Clock& clock() noexcept { return clock_; }
  [[nodiscard]] const JournalDir& directory() const noexcept { return settings_.directory; }
  [[nodiscard]] const Meta& meta() const noexcept { return settings_.meta; }
  [[nodiscard]] const Settings& settings() const noexcept { return settings_; }
  [[nodiscard]] std::uint64_t records() const noexcept;
  [[nodiscard]] std::uint64_t dropped() const noexcept;
  /// Of those dropped: told by gap records.
  [[nodiscard]] std::uint64_t gapped() const noexcept;
  [[nodiscard]] std::uint64_t lanes() const noexcept;

  /// Keeper: the segments opened since the last call, oldest first. The caller owns a reference
  /// each.
  [[nodiscard]] std::vector<OpenSegment*> take_opened();
  /// Keeper: spares were added, or none can be for now: blocked writers look again.
  void notify_spare() noexcept;
  /// Before any append from a second thread: whom to wake when a segment is full or wanted.
  void set_wake(std::function<void()> wake) { shared_.wake = std::move(wake); }

  /// Gives LOCK up. Appends after this are a programming error.
  void unlock() noexcept { lock_.release(); }

 private:
  explicit Journal(Settings settings);
  struct ThreadLanes;
  Lane* own_lane() noexcept;
  Lane* find_own_lane() noexcept;
  void give_back(Lane* lane) noexcept;
  [[nodiscard]] std::uint64_t sum(std::uint64_t (Lane::*count)() const noexcept) const noexcept;
  template <typename Append>
  auto with_lane(Append&& append) noexcept;

  Settings settings_;
  const std::uint64_t
      id_;  // unique in the process: a thread's cached lane is of this journal or not
  FileLock lock_;
  MappedFile crash_file_;
  CrashMarker crash_marker_;
  Clock clock_;
  SeriesTable series_;
  SegmentPool pool_;
  LaneShared shared_;
  std::mutex rare_mutex_;  // the writer of rare_lane_ is whoever holds it
  Lane rare_lane_;
  Lane keeper_lane_;                // keeper thread only
  mutable std::mutex lanes_mutex_;  // taken when a thread gets or returns a lane
  std::array<std::unique_ptr<Lane>, kLanes_max> lanes_;  // guarded by lanes_mutex_
  std::vector<Lane*> free_lanes_;                        // guarded by lanes_mutex_
  std::size_t lanes_count_ = 0;                          // guarded by lanes_mutex_
  std::mutex spare_mutex_;
  std::condition_variable spare_changed_;  // with spare_mutex_; writers under Overflow::block only
};

}  // namespace runlog
