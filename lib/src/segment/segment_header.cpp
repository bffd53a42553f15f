#include "segment/segment_header.hpp"

#include <algorithm>
#include <cstring>

#include "segment/segment_words.hpp"

namespace runlog::format {

std::optional<SegmentHeader> parse_header(std::span<const std::byte> bytes) noexcept {
  if (bytes.size() < kHeader_bytes) return {};
  const std::byte* const base = bytes.data();
  if (load<std::uint64_t>(base + HeaderAt::magic) != segment_magic()) return {};
  if (!is_checksum(load<std::uint32_t>(base + HeaderAt::crc), crc32c(bytes.first(HeaderAt::crc)))) {
    return {};
  }
  if (load<std::uint32_t>(base + HeaderAt::version) != kFormat_version) return {};
  if (load<std::uint32_t>(base + HeaderAt::incompatible) != 0) return {};
  SegmentHeader header;
  header.segment_bytes = load<std::uint32_t>(base + HeaderAt::segment_bytes);
  if (header.segment_bytes < kBlock_bytes || header.segment_bytes > kSegment_bytes_max) return {};
  std::memcpy(header.session.bytes.data(), base + HeaderAt::session, header.session.bytes.size());
  header.number = load<std::uint32_t>(base + HeaderAt::number);
  header.lane = load<std::int32_t>(base + HeaderAt::lane);
  header.first_seq = load<std::int64_t>(base + HeaderAt::first_seq);
  header.created_ns = load<std::int64_t>(base + HeaderAt::created_ns);
  if (!is_seq(header.first_seq)) return {};
  return header;
}

std::optional<SegmentHeader> rebuild_header(std::span<const std::byte> bytes,
                                            const Session& session, std::uint32_t number) noexcept {
  const std::uint32_t seed = segment_seed(session, number);
  for (std::uint64_t at = kHeader_bytes; at + kBlock_head_bytes <= bytes.size();
       at = align_up(at + 1, kBlock_bytes)) {
    if (!head_validates(bytes, at, seed)) continue;
    SegmentHeader header;
    header.session = session;
    header.number = number;
    header.segment_bytes = static_cast<std::uint32_t>(bytes.size());
    // What came before this head in the segment is unknown; the lane's previous segment tells.
    header.first_seq = load<std::int64_t>(bytes.data() + at + 8);
    header.created_ns = load<std::int64_t>(bytes.data() + at + 16);
    header.lane = load<std::int32_t>(bytes.data() + at + 32);
    return header;
  }
  return {};
}

bool is_unused(std::span<const std::byte> bytes) noexcept {
  if (bytes.size() < kBlock_bytes) return false;
  const auto is_zero = [](std::span<const std::byte> part) {
    return std::all_of(part.begin(), part.end(), [](std::byte b) { return b == std::byte{0}; });
  };
  const auto block = bytes.first(kBlock_bytes);
  return is_zero(block.first(HeaderAt::version)) && is_zero(block.subspan(kHeader_bytes));
}

}  // namespace runlog::format
