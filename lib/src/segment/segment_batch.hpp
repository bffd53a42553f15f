// SegmentBatch: the records between two block heads, which a walker yields at a time. Metrics stay
// as they lie in the segment, checked but not converted: the packer moves them straight into
// columns. A Record, which is six times as long, is made only on request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "runlog/record.hpp"
#include "segment/layout.hpp"

namespace runlog::format {

/// Metrics one behind the other in a segment, under one mark and of one shape.
struct MetricRun {
  const std::byte* bytes = nullptr;  ///< the first one's commit word
  std::size_t count = 0;
  std::int64_t seq = 0;  ///< of the first one; the others count up
  std::int64_t mark_time_ns = 0;
  std::int64_t mark_step = 0;
  std::int32_t lane = 0;
  bool is_real = true;  ///< the values are doubles, else integers
  bool has_step = true;

  [[nodiscard]] const std::byte* at(std::size_t index) const noexcept {
    return bytes + index * kMetric_bytes;
  }
  [[nodiscard]] std::uint32_t series(std::size_t index) const noexcept {
    return load<std::uint32_t>(at(index) + kCommit_bytes);
  }
  // Unsigned sums, here and below: a forged mark may stand at the end of time.
  [[nodiscard]] std::int64_t time_ns(std::size_t index) const noexcept {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(mark_time_ns) +
                                     load<std::uint32_t>(at(index) + kCommit_bytes + 4));
  }
  /// Only where has_step.
  [[nodiscard]] std::int64_t step(std::size_t index) const noexcept {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(mark_step) +
                                     commit_argument(load<std::uint64_t>(at(index))) - kStep_bias);
  }
  /// The value's bits, whichever kind it is of.
  [[nodiscard]] std::int64_t bits(std::size_t index) const noexcept {
    return load<std::int64_t>(at(index) + kCommit_bytes + 8);
  }
  [[nodiscard]] MetricRun part(std::size_t begin, std::size_t part_count) const noexcept {
    MetricRun run = *this;
    run.bytes = at(begin);
    run.count = part_count;
    run.seq += static_cast<std::int64_t>(begin);
    return run;
  }
  /// Sets all fields of `record`, which may have been another one of these before. `names` is by
  /// series number.
  void read(std::size_t index, std::span<const std::string_view> names, Record& record) const {
    record.seq = seq + static_cast<std::int64_t>(index);
    record.lane = lane;
    record.time_ns = time_ns(index);
    record.kind = Kind::metric;
    // The walker has seen that there is a name; should the file have changed since, there is none.
    const std::uint32_t number = series(index);
    record.name = number < names.size() ? names[number] : std::string_view{};
    if (has_step) {
      record.step = step(index);
    } else {
      record.step.reset();
    }
    if (is_real) {
      record.value = load<double>(at(index) + kCommit_bytes + 8);
      record.int_value.reset();
    } else {
      record.value.reset();
      record.int_value = bits(index);
    }
    record.text.reset();
    record.payload.reset();
  }
};

struct SegmentBatch {
  /// A run of metrics, or, where it counts none, one of `events`.
  struct Piece {
    MetricRun metrics = {};
    std::size_t event = 0;
    [[nodiscard]] bool is_event() const noexcept { return metrics.count == 0; }
  };
  std::vector<Piece> pieces = {};
  std::vector<Record> events = {};  ///< and metrics that have lost their name
  std::size_t records = 0;          ///< in all pieces

  void clear() noexcept {
    pieces.clear();
    events.clear();
    records = 0;
  }
  void add(const Record& record) {
    pieces.push_back({.metrics = {}, .event = events.size()});
    events.push_back(record);
    ++records;
  }
  void add(const MetricRun& metrics) {
    pieces.push_back({.metrics = metrics, .event = 0});
    records += metrics.count;
  }
  /// Appends all of them to `out`.
  void read(std::span<const std::string_view> names, std::vector<Record>& out) const {
    out.reserve(out.size() + records);
    for (const Piece& piece : pieces) {
      if (piece.is_event()) {
        out.push_back(events[piece.event]);
        continue;
      }
      for (std::size_t i = 0; i < piece.metrics.count; ++i) {
        piece.metrics.read(i, names, out.emplace_back());
      }
    }
  }
};

/// What a PackWriter remembers of the series of one segment: where their names are among the names
/// of the row group. Of one writer only. Clear it before a series number may mean another name.
class SeriesEntries {
 public:
  void clear() noexcept { entries_.clear(); }

 private:
  friend class PackWriter;
  friend class StringColumn;
  struct Entry {
    std::uint32_t index = UINT32_MAX;  // none yet
    std::uint32_t plain_bytes = 0;
  };
  std::vector<Entry> entries_;    // by series number
  std::size_t group_ = SIZE_MAX;  // the row group they are of
};

}  // namespace runlog::format
