// SegmentPool: segments prepared ahead, so that a writer that fills one goes on within nanoseconds.
// The keeper fills it; writers take from it without a lock and, when it is empty, prepare one
// themselves. It also knows the disk budget of the journal.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "journal/disk_room.hpp"
#include "journal/gate.hpp"
#include "journal/journal_dir.hpp"
#include "platform/fault_guard.hpp"
#include "platform/mapped_file.hpp"
#include "runlog/result.hpp"
#include "segment/segment_writer.hpp"

namespace runlog {

/// One segment of this process: its map, its pen and its gate. Reference-counted by hand: a lane
/// that has fallen silent may still point to a segment the keeper has long packed.
struct OpenSegment {
  alignas(64) Gate gate;  // the writer's line; the keeper looks at it a few times a minute
  // The writer's between enter and leave; the keeper's once closed, and its position always.
  format::SegmentWriter writer;

  alignas(64) MappedFile file;  // the map is the keeper's to end, after it has closed the segment
  WatchedRange watched;
  std::uint32_t number = 0;
  std::int32_t lane = 0;
  format::SegmentHeader header;
  OpenSegment* next_opened = nullptr;
  // The syncer's, down to the next blank line (keep/syncer.hpp).
  OpenSegment* next_tracked = nullptr;
  std::uint64_t sync_round = 0;
  std::uint64_t synced_at = 0;
  std::atomic<bool> is_orphan = false;  // its file is not trusted: it is saved into a pack
  std::atomic<bool> has_moved = false;  // it is part of another journal now

  std::atomic<int> references = 1;

  void retain() noexcept { references.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept {
    if (references.fetch_sub(1, std::memory_order_acq_rel) == 1) retire();
  }

 private:
  void retire() noexcept;
};

/// While one lives, no OpenSegment goes that was reachable when it was made: whoever has no
/// reference may then look at the segment of a lane. A release is a rare thing, and a look too;
/// neither waits for the other.
class SegmentLook {
 public:
  SegmentLook() noexcept { looks.fetch_add(1, std::memory_order_seq_cst); }
  ~SegmentLook() { looks.fetch_sub(1, std::memory_order_release); }
  SegmentLook(const SegmentLook&) = delete;
  SegmentLook& operator=(const SegmentLook&) = delete;

  /// In a forked child: whoever looked is not in it.
  static void forget_others() noexcept { looks.store(0, std::memory_order_relaxed); }

 private:
  friend struct OpenSegment;
  static inline std::atomic<int> looks = 0;
  static inline std::atomic<OpenSegment*> retired = nullptr;  // linked by next_opened
};

class SegmentPool {
 public:
  struct Limits {
    std::uint64_t segment_bytes = 4u << 20;
    std::uint64_t disk_budget = 1u << 30;
    std::uint64_t artifact_budget = std::uint64_t{64} << 30;
    bool guard_sigbus = true;
    /// Called when the journal's directory is gone: makes it anew, locked. Any thread.
    std::function<Result<void>()> revive = {};
    /// Told of each number that a segment gets, before there is a file of that name. Any thread.
    std::function<void(std::uint32_t)> note_number = {};
  };
  static constexpr std::size_t kSpares_max = 8;
  static constexpr std::size_t kSpares = 2;

  SegmentPool(JournalDir directory, const Limits& limits);
  ~SegmentPool();
  SegmentPool(const SegmentPool&) = delete;
  SegmentPool& operator=(const SegmentPool&) = delete;

  /// A prepared segment, or nullptr. Lock-free; any thread. The caller owns one reference.
  OpenSegment* take() noexcept;

  /// Creates, allocates, zeroes, maps and touches a segment: about a millisecond. Copies of what
  /// the store has go where it finds no room. Any thread. Errors: no_space (disk, quota or budget),
  /// read_only, io.
  Result<OpenSegment*> prepare() noexcept;

  /// Prepares a small segment that nobody gets but take_for_end(): room for a run's last words,
  /// which must be there when the disk or its budget is full. Errors: as prepare().
  Result<void> set_aside_for_end() noexcept;
  /// That segment, once, with the next number; then nullptr. The caller owns one reference.
  OpenSegment* take_for_end() noexcept;

  /// Adds a prepared segment; releases it when the pool is full.
  void add(OpenSegment* segment) noexcept;
  [[nodiscard]] std::size_t spares() const noexcept;
  /// How many there should be: at first two, so that a run that fills less than one between two
  /// rounds of the keeper never has to wake it; one where the disk budget is below eight segments.
  [[nodiscard]] std::size_t wanted() const noexcept {
    return wanted_.load(std::memory_order_relaxed);
  }
  /// For a run whose writers had to help themselves.
  void want_more() noexcept;
  /// Fewer than half of them are left: time to wake the keeper. Until then it comes by itself; a
  /// wake is a system call, which costs a writer 5 to 20 µs (docs/decisions/0011).
  [[nodiscard]] bool is_low() const noexcept { return 2 * spares() < wanted(); }

  /// Turns a segment whose records are safe in a pack into a spare: new number, zeroed, the same
  /// blocks of the disk. For a disk that is nearly full; elsewhere a new file is cheaper (see
  /// docs/decisions/0011). Consumes the reference. Errors: io; the segment's file is removed then.
  Result<void> recycle(OpenSegment* segment) noexcept;
  /// The segment, whose records are in a pack, is no longer read as one: its file is removed or,
  /// where that fails, emptied, so that it is an unused spare for whoever finds it. Errors: io; try
  /// again.
  Result<void> remove_records(OpenSegment& segment) noexcept;
  /// Removes the segment's file. Consumes the reference.
  Result<void> discard(OpenSegment* segment) noexcept;
  /// No more segments: the run has ended. prepare() answers Errc::finished from now on.
  void retire() noexcept { is_retired_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool is_retired() const noexcept {
    return is_retired_.load(std::memory_order_relaxed);
  }
  /// Removes every spare's file: the end of the journal, or room for a pack on a full disk.
  void discard_spares() noexcept;
  /// Removes the file that was set aside, if it was not used.
  void discard_for_end() noexcept;

  /// Of segments, which are this process's alone.
  [[nodiscard]] std::uint64_t segment_bytes() const noexcept {
    return segment_bytes_.load(std::memory_order_relaxed);
  }
  /// What the disk budget bounds: segments and packs, kept ones too.
  [[nodiscard]] std::uint64_t budgeted_bytes() const noexcept {
    return segment_bytes() + room_.pack_bytes();
  }
  /// By how much `more` bytes would be over the budget, when the copies that can go have gone.
  [[nodiscard]] std::uint64_t bytes_over_budget(std::uint64_t more) noexcept;
  /// What else the journal has on the disk.
  [[nodiscard]] DiskRoom& room() noexcept { return room_; }
  [[nodiscard]] const Limits& limits() const noexcept { return limits_; }
  [[nodiscard]] std::uint64_t late() const noexcept {
    return late_.load(std::memory_order_relaxed);
  }
  void count_late() noexcept { late_.fetch_add(1, std::memory_order_relaxed); }

 private:
  [[nodiscard]] Error run_has_ended() const;
  [[nodiscard]] std::uint32_t give_number() noexcept;
  Result<OpenSegment*> prepare(std::uint64_t bytes) noexcept;
  [[nodiscard]] bool reserve(std::uint64_t bytes) noexcept;
  [[nodiscard]] Result<MappedFile> create_file(const std::filesystem::path& path,
                                               std::uint64_t bytes);
  JournalDir directory_;
  Limits limits_;
  std::atomic<std::uint32_t> next_number_ = 0;
  std::atomic<std::uint64_t> segment_bytes_ = 0;
  DiskRoom room_;
  std::atomic<std::uint64_t> late_ = 0;
  std::atomic<std::size_t> wanted_;
  std::atomic<bool> is_retired_ = false;
  const std::uint32_t generation_;  // of the process that fills it
  std::atomic<OpenSegment*> for_end_ = nullptr;
  // acq_rel exchange on both sides hands the segment's fields over
  std::array<std::atomic<OpenSegment*>, kSpares_max> spares_ = {};
};

}  // namespace runlog
