// Lane: one append stream. Has exactly one writer at a time, and hands full or closed segments to
// the keeper without waiting for it. Knows nothing of packing or shipping.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>

#include "base/ids.hpp"
#include "format/segment_writer.hpp"
#include "journal/segment_pool.hpp"
#include "journal/series_table.hpp"
#include "runlog/options.hpp"

namespace runlog {

/// What the lanes of a journal share. Outlives them.
struct LaneShared {
  SegmentPool& pool;
  SeriesTable& series;
  Session session = {};
  Overflow overflow = Overflow::drop_newest_counted;
  std::chrono::milliseconds overflow_block{100};
  bool sync_each_record = false;
  bool asymmetric_gate = false;
  /// Segments opened since the keeper last looked; a stack linked by next_opened. release/acquire.
  std::atomic<OpenSegment*> opened = nullptr;
  /// A segment was filled, or none could be had: the keeper has work. Any thread.
  std::function<void()> wake = {};
  /// Waits until the pool may have a spare again, at most that long. Any thread.
  std::function<void(std::chrono::milliseconds)> wait_for_spare = {};
  /// Told of failures, from any thread; rate-limited by the receiver.
  std::function<void(const Error&)> report = {};
};

class Lane {
 public:
  Lane(std::int32_t number, LaneShared& shared) noexcept : number_(number), shared_(shared) {}
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// The appends. The lane's writer only. False: dropped and counted.
  bool append_metric(format::Tag tag, std::uint32_t series, std::uint64_t bits, bool has_step,
                     std::int64_t step, std::int64_t time_ns) noexcept {
    return append(time_ns, [&](format::SegmentWriter& writer) {
      if (!declarations_.is_declared(series)) [[unlikely]] {
        if (!declare(writer, series, time_ns)) return false;
      }
      return writer.append_metric(tag, series, bits, has_step, step, time_ns);
    });
  }
  bool append_event(const format::Event& event) noexcept;

  [[nodiscard]] std::int32_t number() const noexcept { return number_; }
  [[nodiscard]] std::uint64_t records() const noexcept {
    return records_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t dropped() const noexcept {
    return dropped_.load(std::memory_order_relaxed);
  }
  /// Of those: told by gap records in this lane.
  [[nodiscard]] std::uint64_t gapped() const noexcept {
    return gapped_.load(std::memory_order_relaxed);
  }

 private:
  template <typename Put>
  bool append(std::int64_t time_ns, Put&& put) noexcept;
  bool declare(format::SegmentWriter& writer, std::uint32_t series, std::int64_t time_ns) noexcept;
  bool open_segment(std::int64_t time_ns) noexcept;
  void let_go() noexcept;
  void count_drop() noexcept;
  void sync_record() noexcept;

  const std::int32_t number_;
  LaneShared& shared_;
  OpenSegment* segment_ = nullptr;          // the writer's; holds a reference
  format::Declarations declarations_;       // the writer's
  std::int64_t next_seq_ = 0;               // the writer's
  std::int64_t retry_at_ns_ = 0;            // the writer's: no attempt to prepare a segment before
  std::atomic<std::uint64_t> records_ = 0;  // written by the writer, read by stats()
  std::atomic<std::uint64_t> dropped_ = 0;  // likewise
  std::atomic<std::uint64_t> gapped_ = 0;   // likewise
};

// An append needs at most a few rounds: a segment found closed, one that is full, a fresh one.
inline constexpr int kAppend_rounds_max = 8;

template <typename Put>
bool Lane::append(std::int64_t time_ns, Put&& put) noexcept {
  for (int round = 0; round < kAppend_rounds_max; ++round) {
    OpenSegment* const segment = segment_;
    if (segment == nullptr) [[unlikely]] {
      if (!open_segment(time_ns)) break;
      continue;
    }
    if (const std::uint32_t requests = segment->gate.enter(shared_.asymmetric_gate)) [[unlikely]] {
      if ((requests & Gate::kClose) != 0) {
        let_go();
        continue;
      }
      segment->gate.done(Gate::kMove_on);
      (void)segment->writer.begin_block(
          time_ns);  // when it does not fit, the append will not either
    }
    if (segment->writer.stretch_is_over()) [[unlikely]] {
      segment->writer.begin_stretch();
      declarations_.begin_stretch();
    }
    if (put(segment->writer)) [[likely]] {
      segment->written_at.store(segment->writer.at(), std::memory_order_relaxed);
      if (shared_.sync_each_record) [[unlikely]]
        sync_record();
      segment->gate.leave();
      records_.store(records_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return true;
    }
    segment->gate.request(Gate::kClose);  // full
    let_go();
    if (shared_.wake) shared_.wake();
  }
  count_drop();
  return false;
}

}  // namespace runlog
