// SegmentWriter: appends records to one mapped segment. It knows bytes, blocks, marks and
// declarations, and nothing of files, threads or when to seal.
//
// Crash safety: every record's payload is complete before its commit word is stored (release), and
// the bytes behind the last record are zero. A process killed between any two instructions leaves
// whole records and, at most, payload bytes behind a zero commit word, which readers ignore.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "platform/crash_point.hpp"
#include "runlog/record.hpp"
#include "segment/layout.hpp"

namespace runlog::format {

/// The variable part of an event record; `time_ns` as in Record.
struct Event {
  Kind kind = Kind::unknown;
  std::int64_t time_ns = 0;
  std::string_view name = {};
  std::optional<std::int64_t> step = {};
  std::optional<double> value = {};
  std::optional<std::int64_t> int_value = {};
  std::optional<std::string_view> text = {};
  std::optional<std::string_view> payload = {};

  /// Payload bytes of the record.
  [[nodiscard]] std::size_t payload_bytes() const noexcept {
    return kEvent_fixed_bytes + name.size() + (text ? text->size() : 0) +
           (payload ? payload->size() : 0);
  }
};

/// Which series a lane has declared in its current stretch of 64 KiB. One per lane; it outlives the
/// lane's segments so that its memory is allocated once.
class Declarations {
 public:
  [[nodiscard]] bool is_declared(std::uint32_t series) const noexcept {
    return series < series_end_ && stretches_[series] == stretch_;
  }
  /// Whether set_declared(series) needs no memory.
  [[nodiscard]] bool has_room(std::uint32_t series) const noexcept { return series < series_end_; }
  /// May allocate: called off the hot path. False when out of memory.
  bool set_declared(std::uint32_t series) noexcept;
  void begin_stretch() noexcept { ++stretch_; }

 private:
  // Of the vector, so that a look is one compare and one load.
  const std::uint32_t* stretches_ = nullptr;
  std::uint32_t series_end_ = 0;
  std::uint32_t stretch_ = 1;
  std::vector<std::uint32_t> stretch_of_;
};

/// A number that one thread writes and others may look at, without order: plain moves on x86.
class Position {
 public:
  Position() = default;
  Position(const Position& other) noexcept : value_(other) {}
  Position& operator=(const Position& other) noexcept { return *this = std::uint64_t{other}; }
  Position& operator=(std::uint64_t value) noexcept {
    value_.store(value, std::memory_order_relaxed);
    return *this;
  }
  Position& operator+=(std::uint64_t more) noexcept { return *this = *this + more; }
  operator std::uint64_t() const noexcept {  // NOLINT(google-explicit-constructor): a number
    return value_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

class SegmentWriter {
 public:
  SegmentWriter() = default;

  /// Writes the header into `memory` (zeroed, `header.segment_bytes` long) and the first block
  /// head.
  void begin(std::span<std::byte> memory, const SegmentHeader& header,
             std::int64_t time_ns) noexcept;

  /// Appends a metric if that needs nothing but the room at hand; false: it needs a mark or a
  /// block, and nothing was written. `bits` is the value's representation; the series must be
  /// declared (see Declarations). The hot path: no call, no loop. `kKnown_hardware`: the caller has
  /// checked crc32c_is_hardware().
  template <bool kKnown_hardware>
  [[gnu::always_inline]] bool try_append_metric(Tag tag, std::uint32_t series, std::uint64_t bits,
                                                bool has_step, std::int64_t step,
                                                std::int64_t time_ns) noexcept {
    const FromMark from_mark = from_mark_to(has_step, step, time_ns);
    if (!from_mark.is_near || !try_append_near<kKnown_hardware>(from_mark, tag, series, bits))
        [[unlikely]] {
      return false;
    }
    next_seq_ += 1;
    return true;
  }

  /// What metrics with one step and one time stamp share behind one mark.
  struct FromMark {
    std::uint64_t delta_ns = 0;  // as it lies in the record
    std::uint64_t upper = 0;     // of the commit word, without the tag
    bool is_near = false;        // the mark is near enough to tell them from it
  };
  [[gnu::always_inline]] FromMark from_mark_to(bool has_step, std::int64_t step,
                                               std::int64_t time_ns) const noexcept {
    // Unsigned, because steps may be any two numbers; a reader adds modulo 2^64, too.
    const auto delta_ns = static_cast<std::uint64_t>(difference(time_ns, mark_time_ns_));
    const std::int64_t delta_step = has_step ? difference(step, mark_step_) : 0;
    // One compare for both ends: 1 is the smallest code of a step, 0xFFFFFF the largest.
    const std::uint64_t code = static_cast<std::uint64_t>(delta_step) + kStep_bias;
    const auto argument = has_step ? static_cast<std::uint32_t>(code) : 0;
    return {.delta_ns = delta_ns << 32,
            .upper = commit_upper(0, argument),
            .is_near = delta_ns <= UINT32_MAX && code - 1 < 2 * kStep_delta_max + 1};
  }
  /// As try_append_metric, with what from_mark_to() said since the last mark, and is_near. The
  /// caller counts the record, see count().
  template <bool kKnown_hardware>
  [[gnu::always_inline]] bool try_append_near(const FromMark& from_mark, Tag tag,
                                              std::uint32_t series, std::uint64_t bits) noexcept {
    const std::uint64_t at = at_;
    if (at + kMetric_bytes > block_end_) [[unlikely]]
      return false;
    const std::uint64_t upper = from_mark.upper | static_cast<std::uint8_t>(tag);
    const std::uint64_t who = series | from_mark.delta_ns;
    std::byte* const record = base_ + at;
    store(record + 8, who);
    store(record + 16, bits);
    const std::uint64_t first = at << 32 | upper;
    std::uint64_t crc = 0;  // so wide because the instruction's result is: no need to clear a half
    if constexpr (kKnown_hardware) {
      crc = crc32c_words3_hardware(group_seed_, first, who, bits);
    } else {
      crc = crc32c_words3(group_seed_, first, who, bits);
    }
    crash_point("in_append");
    commit(record, upper << 32 | crc);
    at_ = at + kMetric_bytes;
    return true;
  }
  /// Records that were appended by try_append_near; before anything else is appended.
  void count(std::size_t records) noexcept { next_seq_ += records; }

  /// For a record of `bytes` that was not appended: begins the next block, if that is all that was
  /// missing. False: it is something else, and nothing was written.
  template <bool kKnown_hardware>
  [[gnu::always_inline]] bool try_begin_block(std::size_t bytes, bool has_step, std::int64_t step,
                                              std::int64_t time_ns) noexcept {
    const std::uint64_t at = at_;
    const std::uint64_t next_block = align_up(at, kBlock_bytes);
    const bool is_room_here = at + bytes <= block_end_;
    if (is_room_here || next_block + kBlock_head_bytes + bytes > end_) return false;
    go_to_block<kKnown_hardware>(next_block, has_step ? step : mark_step_, time_ns);
    return true;
  }
  /// Declares `series` as `name` for this stretch, if there is room in this block.
  template <bool kKnown_hardware>
  [[gnu::always_inline]] bool try_append_series(std::uint32_t series,
                                                std::string_view name) noexcept {
    const std::uint64_t at = at_;
    const std::size_t bytes = series_bytes(name);
    if (at + bytes > block_end_) return false;
    const std::uint64_t upper = commit_upper(static_cast<std::uint8_t>(Tag::series),
                                             static_cast<std::uint32_t>(4 + name.size()));
    std::byte* const record = base_ + at;
    std::uint32_t crc = feed<kKnown_hardware>(seed_, at << 32 | upper);
    std::uint64_t word = series;
    std::size_t filled = 4;
    std::byte* payload = record + kCommit_bytes;
    const auto put_word = [&] {
      store(payload, word);
      crc = feed<kKnown_hardware>(crc, word);
      payload += sizeof word;
      word = filled = 0;
    };
    for (const char c : name) {
      word |= std::uint64_t{static_cast<unsigned char>(c)} << (8 * filled);
      if (++filled == sizeof word) put_word();
    }
    if (filled > 0) put_word();
    crash_point("in_append");
    commit(record, upper << 32 | crc);
    at_ = at + bytes;
    return true;
  }
  /// What such a declaration takes.
  [[nodiscard]] static std::size_t series_bytes(std::string_view name) noexcept {
    return kCommit_bytes + align_up(4 + name.size(), 8);
  }

  /// Appends a metric, behind a mark or in a new block if it must be. False: the segment is full.
  bool append_metric(Tag tag, std::uint32_t series, std::uint64_t bits, bool has_step,
                     std::int64_t step, std::int64_t time_ns) noexcept {
    if (try_append_metric<false>(tag, series, bits, has_step, step, time_ns)) return true;
    return make_room(kMetric_bytes, true, has_step ? step : mark_step_, time_ns) &&
           try_append_metric<false>(tag, series, bits, has_step, step, time_ns);
  }

  /// Declares `series` as `name` for this stretch. False: full.
  bool append_series(std::uint32_t series, std::string_view name, std::int64_t time_ns) noexcept;

  /// Appends an event. False: full; check fits() first for events that may be large.
  bool append_event(const Event& event) noexcept;

  /// Moves on to a fresh block, so that the page being synced is not written again. False: full.
  bool begin_block(std::int64_t time_ns) noexcept;

  /// Ends the segment. There is always room for it.
  void seal() noexcept;

  /// Whether an event with this payload size fits into an empty segment of `segment_bytes`.
  [[nodiscard]] static bool fits(std::size_t payload_bytes, std::size_t segment_bytes) noexcept;

  /// Where the next record goes. Any thread may ask; others than the writer get an old answer.
  [[nodiscard]] std::uint64_t at() const noexcept { return at_; }
  /// The sequence number it gets. Likewise.
  [[nodiscard]] std::int64_t next_seq() const noexcept {
    return static_cast<std::int64_t>(std::uint64_t{next_seq_});
  }
  /// True once per 64 KiB: the caller then begins a new stretch of declarations. It is enough to
  /// ask once per block: the answer is about the end of the block that begins next.
  [[nodiscard]] bool stretch_is_over() const noexcept { return at_ + kBlock_bytes > stretch_end_; }
  void begin_stretch() noexcept { stretch_end_ = at_ + kDeclare_again_bytes; }

 private:
  // release: pairs with the acquire in SegmentWalker of a live reader. To a SIGKILL the order of
  // stores is all that matters, and x86 and the release both keep it.
  static void commit(std::byte* record, std::uint64_t word) noexcept {
    std::atomic_ref<std::uint64_t>(*reinterpret_cast<std::uint64_t*>(record))
        .store(word, std::memory_order_release);
  }
  [[nodiscard]] static std::int64_t difference(std::int64_t a, std::int64_t b) noexcept {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
  }
  bool make_room(std::size_t bytes, bool is_metric, std::int64_t step,
                 std::int64_t time_ns) noexcept;
  void put(Tag tag, std::size_t payload_bytes) noexcept;

  // A pad, a block head and a declaration are as put() would make them, but nothing is read back
  // from the page: it is often one that this core has never touched, and a load would wait for
  // memory where stores do not.
  template <bool kKnown_hardware>
  [[gnu::always_inline]] void go_to_block(std::uint64_t next_block, std::int64_t step,
                                          std::int64_t time_ns) noexcept {
    if (const std::uint64_t at = at_; at < next_block) {
      const std::uint64_t upper = commit_upper(static_cast<std::uint8_t>(Tag::pad), 0);
      crash_point("in_append");
      commit(base_ + at, upper << 32 | feed<kKnown_hardware>(seed_, at << 32 | upper));
    }
    at_ = next_block;
    begin_block_here<kKnown_hardware>(step, time_ns);
  }
  template <bool kKnown_hardware>
  [[gnu::always_inline]] void begin_block_here(std::int64_t step, std::int64_t time_ns) noexcept {
    const std::uint64_t at = at_;
    const std::uint64_t upper = commit_upper(static_cast<std::uint8_t>(Tag::block), 32);
    const std::uint64_t words[] = {next_seq_, static_cast<std::uint64_t>(time_ns),
                                   static_cast<std::uint64_t>(step),
                                   static_cast<std::uint32_t>(lane_)};
    std::byte* const record = base_ + at;
    std::uint32_t crc = feed<kKnown_hardware>(seed_, at << 32 | upper);
    for (std::size_t i = 0; i < std::size(words); ++i) {
      store(record + kCommit_bytes + 8 * i, words[i]);
      crc = feed<kKnown_hardware>(crc, words[i]);
    }
    crash_point("in_append");
    commit(record, upper << 32 | crc);
    at_ = at + kBlock_head_bytes;
    mark_time_ns_ = time_ns;
    mark_step_ = step;
    crc = feed<kKnown_hardware>(seed_, words[1]);
    group_seed_ = feed<kKnown_hardware>(crc, words[2]);  // group_seed()
    block_end_ = std::min<std::uint64_t>(align_up(at_, kBlock_bytes), end_);
  }
  template <bool kKnown_hardware>
  [[gnu::always_inline]] static std::uint32_t feed(std::uint32_t state,
                                                   std::uint64_t word) noexcept {
    if constexpr (kKnown_hardware) {
      return static_cast<std::uint32_t>(detail::crc32c_step(state, word));
    } else {
      return crc32c_word(state, word);
    }
  }

  // What a metric touches, in one cache line with the gate before it (OpenSegment).
  std::byte* base_ = nullptr;
  Position at_;                  // offset of the next record
  std::uint64_t block_end_ = 0;  // records must end here or before
  std::int64_t mark_time_ns_ = 0;
  std::int64_t mark_step_ = 0;
  Position next_seq_;
  std::uint32_t group_seed_ = 0;

  std::uint32_t seed_ = 0;
  std::uint64_t end_ = 0;  // of the segment, less room for the seal record
  std::uint64_t stretch_end_ = 0;
  std::int32_t lane_ = 0;
};

}  // namespace runlog::format
