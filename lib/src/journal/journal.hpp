// Journal: all appending of one process's incarnation, to the directory that its JournalHome keeps.
// Gives each thread that logs much a lane of its own; threads that log rarely share lane 0 under a
// mutex.
//
// It writes and never reads; the keeper takes closed segments from it (take_opened) and gives them
// back to its pool. The journal of a forked child has no keeper at first: nothing is sealed or
// packed until it gets one (set_keeper), or until the journal is adopted.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "journal/journal_home.hpp"
#include "journal/lane.hpp"
#include "journal/meta.hpp"
#include "platform/clock.hpp"
#include "platform/process.hpp"

namespace runlog {

/// The lane this thread used last: the whole cost of finding it again is one compare.
struct CachedLane {
  std::uint64_t journal_id;
  Lane* lane;
};
// initial-exec: no call to find it, also from a shared library. 16 bytes of the room that the
// loader keeps for libraries that are loaded later.
extern constinit thread_local CachedLane cached_lane __attribute__((tls_model("initial-exec")));

/// A lane while this thread is its writer.
class WritableLane {
 public:
  explicit WritableLane(Lane& own) noexcept : lane_(&own) {}
  WritableLane(Lane& shared, std::mutex& mutex) : lane_(&shared), lock_(mutex) {}
  Lane* operator->() const noexcept { return lane_; }

 private:
  Lane* lane_;
  std::unique_lock<std::mutex> lock_ = {};
};

class Journal : public std::enable_shared_from_this<Journal> {
 public:
  struct Settings {
    JournalDir directory = {};
    Meta meta = {};
    ProcessIdentity process = {};
    Session session = {};
    SegmentPool::Limits limits = {};
    Overflow overflow = Overflow::drop_newest_counted;
    std::chrono::milliseconds overflow_block{100};
    bool sync_each_record = false;
    bool crash_marker = true;
    Rights rights = Rights::own;
    std::function<void(const Error&)> report = {};
  };

  static constexpr std::size_t kLanes_max = 32;
  static_assert(kKeeper_lane == kLanes_max + 1);
  /// So many records a thread logs through the shared lane before it gets one of its own.
  static constexpr std::uint32_t kShared_records = 64;

  /// Creates the directory, takes LOCK, writes meta.json, prepares the first segment. One that
  /// fails leaves nothing behind.
  static Result<std::shared_ptr<Journal>> create(Settings settings);
  ~Journal();

  /// The lane that this thread has had for a while, without a call; or nullptr.
  [[nodiscard, gnu::always_inline]] Lane* lane_at_hand() const noexcept {
    if (cached_lane.journal_id != id_) return nullptr;
    Lane* const lane = cached_lane.lane;
    if (lane == nullptr) __builtin_unreachable();  // whoever asks for it need not test it again
    return lane;
  }
  /// A lane to append to by any means: this thread's own or, with its mutex held, the shared one.
  /// As long as it lives the thread is the lane's writer.
  [[nodiscard]] WritableLane lane() noexcept;
  /// The number of a name that has one, else kNo_series. Names are used as given (the caller has
  /// mended them).
  [[nodiscard]] std::uint32_t find_series(const std::string_view& name) noexcept {
    if (Lane* const lane = lane_at_hand()) [[likely]]
      return lane->names().find(series_, name);
    return series_.find(name).value_or(SeriesTable::kNo_series);
  }
  /// In a forked child that has no journal of its own: this one, its parent's, tells of its drops.
  /// False: it cannot any more.
  bool add_childs_drops(std::uint64_t calls) noexcept;
  /// For the keeper's thread alone: the pack `number`, with `calls` that nobody has shipped, in
  /// `records` of their lanes, is about to be removed by `remove`. They are told as soon as there
  /// is room.
  Result<void> evict(std::uint32_t number, std::uint64_t calls, std::uint64_t records,
                     const std::function<Result<void>()>& remove);

  /// A pack has got its name in packs/. The keeper's thread.
  void note_pack() noexcept { tally_.note_pack(); }

  /// From now on no call waits for room: the end has a deadline of its own.
  void begin_end() noexcept;
  /// A run's last words: where there is no room, in what was set aside at the start. One thread:
  /// whoever ends the run.
  void end_event(const format::Event& event) noexcept;
  /// Between begin_end() and the end of end_event(): the segment that was set aside gets all of it,
  /// and is not to be closed before, as there is no second one.
  [[nodiscard]] bool is_telling_end() const noexcept {
    return shared_.is_ending.load(std::memory_order_relaxed) &&
           !has_ended_.load(std::memory_order_acquire);
  }
  /// The same for what was dropped and not told.
  void tell_drops_at_end(std::uint64_t calls_without_journal) noexcept;

  [[nodiscard]] std::int64_t now_ns() const noexcept { return clock_.now_ns(); }
  [[nodiscard]] SeriesTable& series() noexcept { return series_; }
  [[nodiscard]] SegmentPool& pool() noexcept { return pool_; }
  [[nodiscard]] Clock& clock() noexcept { return clock_; }
  [[nodiscard]] const JournalDir& directory() const noexcept { return home_.directory(); }
  [[nodiscard]] const Meta& meta() const noexcept { return home_.meta(); }
  /// For whoever looks after the directory, or gives it up.
  [[nodiscard]] JournalHome& home() noexcept { return home_; }
  /// But for meta and process, which are its home's.
  [[nodiscard]] const Settings& settings() const noexcept { return settings_; }
  [[nodiscard]] std::uint64_t records() const noexcept;
  [[nodiscard]] std::uint64_t dropped() const noexcept;
  /// Whether that lane's segments may have gap records.
  [[nodiscard]] bool has_told_drops(std::int32_t lane) noexcept;
  /// Of those dropped: over the limit of series.
  [[nodiscard]] std::uint64_t dropped_series() const noexcept;
  [[nodiscard]] std::uint64_t lanes() const noexcept;

  /// Keeper: the segments opened since the last call, oldest first, linked by next_opened. The
  /// caller owns a reference each. Needs no memory.
  [[nodiscard]] OpenSegment* take_opened() noexcept;
  /// Keeper: spares were added, or none can be for now: blocked writers look again.
  void notify_spare() noexcept;
  /// There is a keeper from now on, to be woken so when a segment is full or wanted, and helped so
  /// when there is no room. Before that all threads log through the shared lane: in a child that
  /// logs little, one segment is enough.
  void set_keeper(std::function<void()> wake, std::function<void(std::chrono::milliseconds)> help);

 private:
  static Result<std::shared_ptr<Journal>> create_once(Settings settings);
  explicit Journal(Settings settings);
  [[nodiscard]] SegmentPool::Limits pool_limits();
  Result<void> make();
  struct ThreadLanes;
  Lane* find_own_lane() noexcept;
  void give_back(Lane* lane) noexcept;
  [[nodiscard]] std::uint64_t sum(std::uint64_t (*count)(const Lane&)) const noexcept;
  template <typename Use>
  void for_each_lane(Use&& use) noexcept;

  Settings settings_;
  const std::uint64_t process_key_;  // of the process that made it; a forked child has a copy
  JournalHome home_;
  // What each metric looks at, in one cache line: the id, unique in the process, tells whether a
  // thread's cached lane is of this journal.
  alignas(64) const std::uint64_t id_;
  Clock clock_;
  SeriesTable series_;
  ShownTally tally_;
  SegmentPool pool_;
  LaneShared shared_;
  std::atomic<bool> gives_lanes_ = false;  // release/acquire: with what set_keeper() has set
  std::mutex rare_mutex_;                  // the writer of rare_lane_ is whoever holds it
  Lane rare_lane_;
  // The keeper's thread only: of its own, so that no logger waits for a thread of the lowest
  // priority that holds the shared lane.
  Lane keeper_lane_;
  Lane end_lane_;  // whoever ends the run
  std::atomic<bool> has_ended_ = false;
  mutable std::mutex lanes_mutex_;  // taken when a thread gets or returns a lane
  std::array<std::unique_ptr<Lane>, kLanes_max> lanes_;  // guarded by lanes_mutex_
  std::vector<Lane*> free_lanes_;                        // guarded by lanes_mutex_
  std::size_t lanes_count_ = 0;                          // guarded by lanes_mutex_
  std::mutex spare_mutex_;
  std::condition_variable spare_changed_;  // with spare_mutex_; writers under Overflow::block only
};

}  // namespace runlog
