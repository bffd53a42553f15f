// Lane: one append stream. Has exactly one writer at a time, and hands full or closed segments to
// the keeper without waiting for it. Knows nothing of packing or shipping.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <string_view>

#include "base/ids.hpp"
#include "journal/drops.hpp"
#include "journal/segment_pool.hpp"
#include "journal/series_table.hpp"
#include "runlog/policy.hpp"
#include "segment/segment_writer.hpp"

namespace runlog {

/// What the lanes of a journal share. Outlives them.
struct LaneShared {
  SegmentPool& pool;
  SeriesTable& series;
  ShownTally& tally;
  Session session = {};
  Overflow overflow = Overflow::drop_newest_counted;
  std::chrono::milliseconds overflow_block{100};
  bool sync_each_record = false;
  bool asymmetric_gate = false;
  /// The run's last words are next: nobody waits for room any more.
  std::atomic<bool> is_ending = false;
  /// Segments opened since the keeper last looked; a stack linked by next_opened. release/acquire.
  std::atomic<OpenSegment*> opened = nullptr;
  /// A segment was filled, or none could be had: the keeper has work. Any thread.
  std::function<void()> wake = {};
  /// Does the keeper's work in the caller's thread, if nobody is at it, and for so long at most:
  /// there is no room, and a keeper of the lowest priority may not get a core from writers that
  /// drop. Any thread.
  std::function<void(std::chrono::milliseconds)> help = {};
  /// Waits until the pool may have a spare again, or the run ends, at most that long. Any thread.
  std::function<void(std::chrono::milliseconds)> wait_for_spare = {};
  /// Told of failures, from any thread; rate-limited by the receiver.
  std::function<void(const Error&)> report = {};
};

/// One metric of a row: what differs from the others of the row.
struct Scalar {          // without initialisers: a row's worth of them is made on every call
  std::uint64_t bits;    ///< the value's representation
  std::uint32_t series;  ///< SeriesTable::kNo_series: dropped and counted
  format::Tag tag;
};
/// Of a row, appended in one go the slow way: so that the stretches of declarations stay short.
inline constexpr std::size_t kScalars_max = 32;

class Lane {
 public:
  /// `shared_by`: of the lane that threads share, the mutex that its writer holds.
  /// `is_for_end`: takes the one segment that the pool has set aside, and no other.
  Lane(std::int32_t number, LaneShared& shared, std::mutex* shared_by = nullptr,
       bool is_for_end = false) noexcept
      : number_(number),
        is_for_end_(is_for_end),
        is_quick_(crc32c_is_hardware() && shared.asymmetric_gate && !shared.sync_each_record),
        shared_(shared),
        shared_by_(shared_by),
        drops_(number, shared.tally) {}
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// The appends. The lane's writer only. What cannot be appended is dropped and counted.
  ///
  /// A metric goes through three tiers, each tried where the one before has appended nothing:
  /// append_fast() · append_in_block_order() · append_any(). Scalars come by value: what lies in
  /// memory would be loaded anew behind the gate.

  /// The common case: there is room in this block, nobody asks for anything, the series is
  /// declared. False: nothing was appended, and the gate is left: the caller may find that the run
  /// has ended and never come back, and the keeper must not wait for it.
  [[gnu::always_inline]] bool append_fast(Scalar scalar, bool has_step, const std::int64_t& step,
                                          const std::int64_t& time_ns) noexcept {
    OpenSegment* const segment = quick_segment_;
    if (segment == nullptr) [[unlikely]]
      return false;
    if (segment->gate.enter(true) != 0 || !declarations_.is_declared(scalar.series) ||
        !segment->writer.try_append_metric<true>(scalar.tag, scalar.series, scalar.bits, has_step,
                                                 step, time_ns)) [[unlikely]] {
      segment->gate.leave();
      return false;
    }
    segment->gate.leave();
    return true;
  }
  /// Also a metric that begins a block, once in 169, or whose series has to be declared, once in
  /// 64 KiB. False: nothing of the metric was appended, and the gate is left.
  [[gnu::always_inline]] bool append_in_block_order(Scalar scalar, bool has_step, std::int64_t step,
                                                    std::int64_t time_ns) noexcept {
    OpenSegment* const segment = quick_segment_;
    if (segment == nullptr) return false;
    const bool is_in = segment->gate.enter(true) == 0 &&
                       append_in_block_order(segment->writer, scalar.tag, scalar.series,
                                             scalar.bits, has_step, step, time_ns);
    segment->gate.leave();
    return is_in;
  }
  /// The two tiers above for metrics with one step and one time stamp, as many from the front as
  /// that works for; returns how many. The gate is passed once, and `scalar_of(i)` is called
  /// within: it must be quick.
  template <typename ScalarOf>
  [[gnu::always_inline]] std::size_t append_row_in_block_order(std::size_t count,
                                                               ScalarOf&& scalar_of, bool has_step,
                                                               std::int64_t step,
                                                               std::int64_t time_ns) noexcept {
    OpenSegment* const segment = quick_segment_;
    if (segment == nullptr) return 0;
    std::size_t done = 0;
    if (segment->gate.enter(true) == 0) [[likely]] {
      format::SegmentWriter& writer = segment->writer;
      auto from_mark = writer.from_mark_to(has_step, step, time_ns);
      std::size_t counted = 0;
      for (; done < count; ++done) {
        const Scalar scalar = scalar_of(done);
        if (from_mark.is_near && declarations_.is_declared(scalar.series) &&
            writer.try_append_near<true>(from_mark, scalar.tag, scalar.series, scalar.bits))
            [[likely]] {
          continue;
        }
        writer.count(done - counted);
        if (!append_in_block_order(writer, scalar.tag, scalar.series, scalar.bits, has_step, step,
                                   time_ns)) {
          counted = done;
          break;
        }
        counted = done + 1;
        from_mark = writer.from_mark_to(has_step, step, time_ns);
      }
      writer.count(done - counted);
    }
    segment->gate.leave();
    return done;
  }
  /// Any metrics with one step and one time stamp, whatever it takes.
  [[gnu::noinline, gnu::cold]] void append_any(std::span<const Scalar> scalars, bool has_step,
                                               std::int64_t step, std::int64_t time_ns) noexcept;
  /// False: dropped.
  bool append_event(const format::Event& event) noexcept;
  /// False: there is no room, and nothing is counted.
  bool try_append_event(const format::Event& event) noexcept;
  /// Tells of `calls` that were dropped, of whichever lane, and that somebody has claimed. False:
  /// there is no room.
  bool append_gap(DropReason reason, std::uint64_t calls, std::int64_t time_ns) noexcept;

  [[nodiscard]] std::int32_t number() const noexcept { return number_; }
  /// They are numbered from 0, lost ones apart: the number of the next is their count. Any thread.
  [[nodiscard]] std::uint64_t records() const noexcept;
  /// What it has dropped, and what of that was told.
  [[nodiscard]] Drops& drops() noexcept { return drops_; }
  [[nodiscard]] const Drops& drops() const noexcept { return drops_; }
  /// The lane's writer only.
  [[nodiscard]] NameCache& names() noexcept { return names_; }

 private:
  // By value: a reference to the caller's scalar would cost three stores a metric, and stores are
  // what limits a row.
  [[gnu::noinline, gnu::hot]] bool append_in_block_order(format::SegmentWriter& writer,
                                                         format::Tag tag, std::uint32_t series,
                                                         std::uint64_t bits, bool has_step,
                                                         std::int64_t step,
                                                         std::int64_t time_ns) noexcept;
  template <typename Put>
  bool append(std::int64_t time_ns, Put&& put) noexcept;
  bool declare(format::SegmentWriter& writer, std::uint32_t series, std::int64_t time_ns) noexcept;
  OpenSegment* prepare_segment(std::int64_t now_ns, std::int64_t& give_up_at_ns) noexcept;
  void hand_over(OpenSegment& segment) noexcept;
  bool open_segment(std::int64_t time_ns, std::int64_t& give_up_at_ns) noexcept;
  OpenSegment* wait_for_room(const Error& why, std::int64_t give_up_at_ns) noexcept;
  template <typename Work>
  void let_others_in(Work&& work) noexcept;
  bool put_gap(format::SegmentWriter& writer, DropReason reason, std::uint64_t calls,
               std::int64_t time_ns) noexcept;
  void tell_drops(format::SegmentWriter& writer, std::int64_t time_ns) noexcept;
  template <typename Work>
  void report_failure(Work&& work) noexcept;
  void let_go() noexcept;
  void sync_record() noexcept;

  // What each metric touches, in one cache line.
  alignas(64) const std::int32_t number_;
  const bool is_for_end_;
  // The common case may be taken: the instruction is there, the gate costs no atomic operation, and
  // nothing is to be done beyond the append.
  const bool is_quick_;
  // segment_ where is_quick_, else nullptr: one question for each metric instead of two.
  OpenSegment* quick_segment_ = nullptr;  // the writer's
  format::Declarations declarations_;     // the writer's

  std::atomic<OpenSegment*> segment_ = nullptr;  // written by the writer; holds a reference
  LaneShared& shared_;
  std::mutex* const shared_by_;
  NameCache names_;                         // the writer's
  std::atomic<std::int64_t> next_seq_ = 0;  // of the next segment's first record; likewise
  std::int64_t retry_at_ns_ = 0;  // the writer's, monotonic: no attempt to prepare a segment before
  DropReason no_segment_why_ = DropReason::segment;  // the writer's: the last reason
  Drops drops_;
};

}  // namespace runlog
