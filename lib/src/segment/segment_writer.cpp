#include "segment/segment_writer.hpp"

#include <algorithm>
#include <cassert>
#include <new>

namespace runlog::format {
namespace {

/// Kept free at the end of every segment: a pad and a seal.
constexpr std::size_t kReserve_bytes = kCommit_bytes + kSeal_bytes;

}  // namespace

bool Declarations::set_declared(std::uint32_t series) noexcept {
  try {
    if (series >= stretch_of_.size()) stretch_of_.resize(std::size_t{series} * 5 / 4 + 64, 0);
  } catch (const std::bad_alloc&) {
    return false;
  }
  stretch_of_[series] = stretch_;
  stretches_ = stretch_of_.data();
  series_end_ = static_cast<std::uint32_t>(stretch_of_.size());
  return true;
}

void SegmentWriter::begin(std::span<std::byte> memory, const SegmentHeader& header,
                          std::int64_t time_ns) noexcept {
  assert(memory.size() == header.segment_bytes);
  base_ = memory.data();
  store(base_ + HeaderAt::version, kFormat_version);
  store(base_ + HeaderAt::segment_bytes, header.segment_bytes);
  std::memcpy(base_ + HeaderAt::session, header.session.bytes.data(), header.session.bytes.size());
  store(base_ + HeaderAt::number, header.number);
  store(base_ + HeaderAt::lane, header.lane);
  store(base_ + HeaderAt::first_seq, header.first_seq);
  store(base_ + HeaderAt::created_ns, header.created_ns);
  // The CRC covers the magic, which is stored last: a header is there or it is not.
  std::byte whole[HeaderAt::crc];
  std::memcpy(whole, base_, sizeof whole);
  store(whole + HeaderAt::magic, segment_magic());
  store(base_ + HeaderAt::crc, crc32c(whole));
  crash_point("in_segment_header");
  commit(base_ + HeaderAt::magic, segment_magic());

  seed_ = segment_seed(header.session, header.number);
  at_ = kHeader_bytes;
  end_ = memory.size() - kReserve_bytes;
  next_seq_ = static_cast<std::uint64_t>(header.first_seq);
  lane_ = header.lane;
  stretch_end_ = at_ + kDeclare_again_bytes;
  begin_block_here<false>(0, time_ns);
}

void SegmentWriter::put(Tag tag, std::size_t payload_bytes) noexcept {
  std::byte* const record = base_ + at_;
  const std::uint64_t upper =
      commit_upper(static_cast<std::uint8_t>(tag), static_cast<std::uint32_t>(payload_bytes));
  // Whole words: the bytes between the payload's end and the next word are zero in a fresh segment.
  std::uint32_t crc = crc32c_word(seed_, at_ << 32 | upper);
  crc = crc32c_bytes(crc, std::span(record + kCommit_bytes, align_up(payload_bytes, 8)));
  crash_point("in_append");
  commit(record, upper << 32 | crc);
  at_ += kCommit_bytes + align_up(payload_bytes, 8);
}

// Makes `bytes` available at at_, in this block or a new one, and (for a metric) a mark that the
// record's deltas fit to. A step delta is measured from the last mark's step; a mark is cheap.
bool SegmentWriter::make_room(std::size_t bytes, bool is_metric, std::int64_t step,
                              std::int64_t time_ns) noexcept {
  const bool is_large = bytes + kBlock_head_bytes > kBlock_bytes;
  const std::size_t with_mark = bytes + (is_metric ? kMark_bytes : 0);
  if (!is_large && at_ + with_mark <= block_end_) {
    if (is_metric) {
      std::byte* const payload = base_ + at_ + kCommit_bytes;
      store(payload, time_ns);
      store(payload + 8, step);
      put(Tag::mark, 16);
      mark_time_ns_ = time_ns;
      mark_step_ = step;
      group_seed_ = group_seed(seed_, time_ns, step);
    }
    return true;
  }
  const std::uint64_t next_block = align_up(at_, kBlock_bytes);
  if (next_block + kBlock_head_bytes + bytes > end_) return false;
  go_to_block<false>(next_block, step, time_ns);
  return true;
}

bool SegmentWriter::begin_block(std::int64_t time_ns) noexcept {
  const std::uint64_t next_block = align_up(at_, kBlock_bytes);
  if (next_block + kBlock_head_bytes + kMetric_bytes > end_) return false;
  go_to_block<false>(next_block, mark_step_, time_ns);
  return true;
}

bool SegmentWriter::append_series(std::uint32_t series, std::string_view name,
                                  std::int64_t time_ns) noexcept {
  return try_append_series<false>(series, name) ||
         (make_room(series_bytes(name), false, mark_step_, time_ns) &&
          try_append_series<false>(series, name));
}

bool SegmentWriter::append_event(const Event& event) noexcept {
  const std::size_t payload_bytes = event.payload_bytes();
  const std::size_t bytes = kCommit_bytes + align_up(payload_bytes, 8);
  if (at_ + bytes > block_end_ && !make_room(bytes, false, mark_step_, event.time_ns)) return false;
  std::byte* payload = base_ + at_ + kCommit_bytes;
  std::uint8_t flags = 0;
  std::uint64_t bits = 0;
  if (event.step) flags |= kHas_step;
  if (event.value) {
    flags |= kHas_real;
    std::memcpy(&bits, &*event.value, sizeof bits);
  } else if (event.int_value) {
    flags |= kHas_int;
    bits = static_cast<std::uint64_t>(*event.int_value);
  }
  if (event.text) flags |= kHas_text;
  if (event.payload) flags |= kHas_payload;
  store(payload, event.time_ns);
  store(payload + 8, event.step.value_or(0));
  store(payload + 16, bits);
  store(payload + 24, flags);
  store(payload + 26, static_cast<std::uint16_t>(event.name.size()));
  store(payload + 28, static_cast<std::uint32_t>(event.text ? event.text->size() : 0));
  payload += kEvent_fixed_bytes;
  const auto copy = [&](std::string_view part) {
    if (!part.empty()) std::memcpy(payload, part.data(), part.size());
    payload += part.size();
  };
  copy(event.name);
  copy(event.text.value_or(std::string_view{}));
  copy(event.payload.value_or(std::string_view{}));
  const auto tag = static_cast<std::uint8_t>(0x40u + static_cast<std::uint8_t>(event.kind));
  put(static_cast<Tag>(tag), payload_bytes);
  next_seq_ += 1;
  // Behind a record that spans blocks the position is inside a block without a head: close it.
  if (at_ > block_end_) block_end_ = at_;
  return true;
}

void SegmentWriter::seal() noexcept {
  // end_ keeps room for pad and seal behind any record; the seal may stand in a block without head
  // only right behind a record, where a reader arrives by walking.
  const std::uint64_t next_block = align_up(at_, kBlock_bytes);
  if (at_ + kSeal_bytes > next_block && at_ < next_block) {
    put(Tag::pad, 0);
    at_ = next_block;
  }
  if (at_ % kBlock_bytes == 0 && at_ + kBlock_head_bytes + kSeal_bytes <= end_ + kReserve_bytes) {
    begin_block_here<false>(mark_step_, mark_time_ns_);
  }
  if (at_ + kSeal_bytes > end_ + kReserve_bytes) return;
  store(base_ + at_ + kCommit_bytes, next_seq());
  crash_point("in_seal");
  put(Tag::seal, 8);
}

bool SegmentWriter::fits(std::size_t payload_bytes, std::size_t segment_bytes) noexcept {
  // The worst start of a large record: the second block, behind its head.
  return payload_bytes <= kPayload_bytes_max && kBlock_bytes + kBlock_head_bytes + kCommit_bytes +
                                                        align_up(payload_bytes, 8) +
                                                        kReserve_bytes <=
                                                    segment_bytes;
}

}  // namespace runlog::format
