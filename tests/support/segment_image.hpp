// SegmentImage: builds segments in memory, remembers what went in, and reads them back. What the
// tests of the segment format share.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "segment/segment_walker.hpp"
#include "segment/segment_writer.hpp"

namespace test {

namespace format = runlog::format;
using runlog::align_up;
using runlog::Damage;
using runlog::Kind;
using runlog::Record;

/// A record with strings of its own.
struct OwnedRecord {
  std::int64_t seq = 0;
  std::int32_t lane = 0;
  std::int64_t time_ns = 0;
  Kind kind = Kind::unknown;
  std::string name = {};
  std::optional<std::int64_t> step = {};
  std::optional<std::uint64_t> value_bits = {};  ///< bits, so that NaN equals itself
  std::optional<std::int64_t> int_value = {};
  std::optional<std::string> text = {};
  std::optional<std::string> payload = {};
  friend bool operator==(const OwnedRecord&, const OwnedRecord&) = default;
};

inline OwnedRecord own(const Record& record) {
  OwnedRecord owned{
      record.seq,  record.lane, record.time_ns,   record.kind, std::string(record.name),
      record.step, {},          record.int_value, {},          {}};
  if (record.value) owned.value_bits = std::bit_cast<std::uint64_t>(*record.value);
  if (record.text) owned.text = std::string(*record.text);
  if (record.payload) owned.payload = std::string(*record.payload);
  return owned;
}

/// Where a record of the format lies.
struct Piece {
  std::uint64_t at = 0;
  format::Tag tag = format::Tag::end;
  std::uint64_t bytes = 0;
};

/// The records of an undamaged segment, structural ones included, going by their commit words.
inline std::vector<Piece> outline(const std::vector<std::byte>& bytes) {
  std::vector<Piece> pieces;
  std::uint64_t at = format::kHeader_bytes;
  while (at + format::kCommit_bytes <= bytes.size()) {
    const auto word = runlog::load<std::uint64_t>(bytes.data() + at);
    if (word == 0) break;
    const auto tag = static_cast<format::Tag>(format::commit_tag(word));
    const std::uint64_t size = format::record_bytes(word);
    pieces.push_back({at, tag, size});
    if (tag == format::Tag::seal) break;
    at = tag == format::Tag::pad ? align_up(at + size, format::kBlock_bytes) : at + size;
  }
  return pieces;
}

class SegmentImage {
 public:
  static constexpr std::int64_t kTime_ns = 1'700'000'000'000'000'000;

  explicit SegmentImage(std::size_t bytes = 16384, std::uint32_t number = 7,
                        std::int64_t first_seq = 0)
      : bytes_(bytes) {
    for (std::size_t i = 0; i < 16; ++i) header_.session.bytes[i] = static_cast<std::uint8_t>(i);
    header_.number = number;
    header_.lane = 3;
    header_.first_seq = first_seq;
    header_.created_ns = kTime_ns;
    header_.segment_bytes = static_cast<std::uint32_t>(bytes);
    writer_.begin(bytes_, header_, kTime_ns);
  }
  SegmentImage(const SegmentImage&) = delete;
  SegmentImage& operator=(const SegmentImage&) = delete;

  /// A metric without a step where `step` is empty. False: full.
  bool metric(std::string_view name, std::optional<std::int64_t> step, double value) {
    return number(name, step, std::bit_cast<std::uint64_t>(value), format::Tag::metric_real);
  }
  bool metric_int(std::string_view name, std::optional<std::int64_t> step, std::int64_t value) {
    return number(name, step, static_cast<std::uint64_t>(value), format::Tag::metric_int);
  }
  bool event(format::Event event) {
    event.time_ns = tick();
    OwnedRecord record = own({.seq = writer_.next_seq(),
                              .lane = header_.lane,
                              .time_ns = event.time_ns,
                              .kind = event.kind,
                              .name = event.name,
                              .step = event.step,
                              .value = event.value,
                              .int_value = event.int_value,
                              .text = event.text,
                              .payload = event.payload});
    if (!writer_.append_event(event)) return false;
    records_.push_back(std::move(record));
    return true;
  }
  bool text(std::string_view message) {
    return event({.kind = Kind::text, .name = "info", .text = message});
  }
  bool next_block() { return writer_.begin_block(time_ns_); }
  void seal() { writer_.seal(); }
  void advance_ns(std::int64_t ns) { time_ns_ += ns; }

  [[nodiscard]] std::vector<std::byte>& bytes() noexcept { return bytes_; }
  [[nodiscard]] const std::vector<std::byte>& bytes() const noexcept { return bytes_; }
  [[nodiscard]] const format::SegmentHeader& header() const noexcept { return header_; }
  [[nodiscard]] const std::vector<OwnedRecord>& records() const noexcept { return records_; }
  [[nodiscard]] const format::SegmentWriter& writer() const noexcept { return writer_; }

  /// The place of the nth record with this tag.
  [[nodiscard]] Piece piece(format::Tag tag, std::size_t nth = 0) const {
    for (const Piece& one : outline(bytes_)) {
      if (one.tag == tag && nth-- == 0) return one;
    }
    return {};
  }

 private:
  std::int64_t tick() { return time_ns_ += 1000; }
  bool number(std::string_view name, std::optional<std::int64_t> step, std::uint64_t bits,
              format::Tag tag) {
    const std::int64_t time_ns = tick();
    std::uint32_t series = 0;
    while (series < names_.size() && names_[series] != name) ++series;
    if (series == names_.size()) {
      if (!writer_.append_series(series, name, time_ns)) return false;
      names_.emplace_back(name);
    }
    const std::int64_t seq = writer_.next_seq();
    if (!writer_.append_metric(tag, series, bits, step.has_value(), step.value_or(0), time_ns)) {
      return false;
    }
    OwnedRecord record{.seq = seq, .lane = header_.lane, .time_ns = time_ns, .kind = Kind::metric};
    record.name = name;
    record.step = step;
    if (tag == format::Tag::metric_real) {
      record.value_bits = bits;
    } else {
      record.int_value = static_cast<std::int64_t>(bits);
    }
    records_.push_back(std::move(record));
    return true;
  }

  std::vector<std::byte> bytes_;
  format::SegmentHeader header_;
  format::SegmentWriter writer_;
  std::int64_t time_ns_ = kTime_ns;
  std::vector<std::string> names_;
  std::vector<OwnedRecord> records_;
};

struct Walked {
  std::vector<OwnedRecord> records;
  std::vector<Damage> damage;
  std::int64_t end_seq = 0;
  bool is_sealed = false;

  [[nodiscard]] std::uint64_t lost() const {
    std::uint64_t sum = 0;
    for (const Damage& one : damage) sum += one.records_lost;
    return sum;
  }
  [[nodiscard]] bool is_exact() const {
    for (const Damage& one : damage) {
      if (!one.exact) return false;
    }
    return true;
  }
};

inline Walked walk(const std::vector<std::byte>& bytes, const format::SegmentHeader& header,
                   format::WalkOptions options = {}) {
  format::SegmentWalker walker(bytes, header, std::move(options));
  Walked walked;
  std::vector<Record> batch;
  while (walker.next(batch)) {
    for (const Record& record : batch) walked.records.push_back(own(record));
  }
  walked.damage = walker.damage();
  walked.end_seq = walker.end_seq();
  walked.is_sealed = walker.is_sealed();
  return walked;
}

/// Reads whatever `bytes` are as the given segment, its header rebuilt where it does not validate.
inline Walked walk_anything(const std::vector<std::byte>& bytes,
                            const format::SegmentHeader& identity,
                            format::WalkOptions options = {}) {
  auto header = format::parse_header(bytes);
  if (!header) header = format::rebuild_header(bytes, identity.session, identity.number);
  if (!header || header->number != identity.number) return {};
  return walk(bytes, *header, std::move(options));
}

inline bool is_placeholder(std::string_view name) {
  return name.starts_with("series-") && name.ends_with('?');
}

/// Equal but for the sequence number and, where the declaration is lost, the name.
inline bool is_same_content(const OwnedRecord& original, OwnedRecord read) {
  read.seq = original.seq;
  if (is_placeholder(read.name)) read.name = original.name;
  return read == original;
}

/// Whether each record of `walked` is the original of that number.
inline bool is_each_an_original(const std::vector<OwnedRecord>& originals, const Walked& walked) {
  std::int64_t last_seq = INT64_MIN;
  const std::int64_t first = originals.empty() ? 0 : originals.front().seq;
  for (const OwnedRecord& record : walked.records) {
    const std::int64_t index = record.seq - first;
    if (record.seq <= last_seq || index < 0 ||
        index >= static_cast<std::int64_t>(originals.size()) ||
        !is_same_content(originals[static_cast<std::size_t>(index)], record)) {
      return false;
    }
    last_seq = record.seq;
  }
  return true;
}

/// Whether the records of `walked` are some of the originals, in their order, whatever their
/// number.
inline bool is_subsequence(const std::vector<OwnedRecord>& originals, const Walked& walked) {
  std::size_t index = 0;
  for (const OwnedRecord& record : walked.records) {
    while (index < originals.size() && !is_same_content(originals[index], record)) ++index;
    if (index++ == originals.size()) return false;
  }
  return true;
}

/// Whether two stretches of damage lie between the same two anchors (block heads, the seal): then
/// their sum is known and their shares, and so the numbers of the records between them, are not.
inline bool is_ambiguous(const std::vector<Piece>& pieces, const Walked& walked) {
  std::optional<std::uint64_t> last_end;
  for (const Damage& one : walked.damage) {
    if (!one.exact) return true;
    if (one.why.starts_with("the declaration")) continue;
    if (last_end) {
      bool is_anchored = false;
      for (const Piece& piece : pieces) {
        is_anchored = is_anchored || (piece.tag == format::Tag::block && piece.at >= *last_end &&
                                      piece.at < one.begin);
      }
      if (!is_anchored) return true;
    }
    last_end = one.end;
  }
  return false;
}

/// A segment of several blocks with a bit of everything: series that come late, marks, events, a
/// record longer than a block where there is room, blocks left early. Until it is full, or
/// `records_max`.
inline void fill(SegmentImage& image, std::mt19937_64& random, std::size_t records_max = SIZE_MAX) {
  std::int64_t step = 0;
  for (bool has_room = true; has_room && image.records().size() < records_max;) {
    switch (random() % 16) {
      case 0:
        has_room = image.text(std::string(random() % 200, 't'));
        break;
      case 1:
        image.advance_ns(5'000'000'000);
        break;
      case 2:
        step += 20'000'000;
        break;
      case 3:
        if (random() % 4 == 0) (void)image.next_block();
        break;
      case 4:
        if (random() % 8 == 0) (void)image.text(std::string(4000 + random() % 5000, 'L'));
        break;
      case 5:
        has_room = image.metric("late/" + std::to_string(random() % 40), {}, 0.5);
        break;
      case 6:
        has_room = image.metric_int("count", step, static_cast<std::int64_t>(random()));
        break;
      case 7:
        has_room = image.event({.kind = Kind::row,
                                .name = "row",
                                .step = step,
                                .text = "{\"a\":1}",
                                .payload = std::string_view("\0\1\2", 3)});
        break;
      default:
        has_room = image.metric(random() % 2 == 0 ? "train/loss" : "lr", step++,
                                static_cast<double>(random() % 1000) / 7);
    }
  }
}

}  // namespace test
