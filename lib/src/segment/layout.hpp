// Layout: the numbers of the segment format, version 1. docs/format.md is its specification,
// tests/conformance has files that every reader must read: the three change in the same commit.
//
//   segment  = header (128 bytes) · blocks
//   block    = 4096 bytes at a multiple of 4096 (the first one starts behind the header);
//              begins with a block head; records do not cross its end, unless they are longer than
//              a block: those begin right behind a block head and span as many blocks as they need
//   record   = commit word (8 bytes) · payload · zeros to a multiple of 8
//
// Commit word, bits: 0–31 CRC-32C (raw register, see crc below) · 32–39 kind · 40–63 argument.
// The argument is the payload's length in bytes, except for the two metric kinds, whose payload is
// 16 bytes and whose argument is the step (see step_code).
//
// CRC: register started with a seed, fed the word (offset << 32 | upper half of the commit word),
// then the payload in words of 8 bytes, zero-padded. The seed of structural records and events is
// segment_seed(session, number); that of metrics is group_seed(segment seed, the mark's time and
// step), so that a metric whose mark was lost cannot validate against another mark and show up
// with a wrong step.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "base/crc32c.hpp"
#include "base/ids.hpp"

namespace runlog::format {

inline constexpr std::uint32_t kFormat_version = 1;
inline constexpr std::size_t kBlock_bytes = 4096;
inline constexpr std::size_t kHeader_bytes = 128;
inline constexpr std::size_t kCommit_bytes = 8;
/// Sequence numbers lie in [0, kSeq_end): what claims another is damage, and differences fit.
inline constexpr std::int64_t kSeq_end = std::int64_t{1} << 62;
/// The lane that threads begin on; what a thread logs later is in another. A reader beside a live
/// writer reads it last.
inline constexpr std::int32_t kShared_lane = 0;
inline constexpr std::size_t kSegment_bytes_min = 64u << 10;
inline constexpr std::size_t kSegment_bytes_max = 64u << 20;
inline constexpr std::size_t kPayload_bytes_max = (1u << 24) - 1;
inline constexpr std::size_t kName_bytes_max = 512;

/// "RLSEGv1\n". Stored xored in the program, so that a scan of a core dump for segments
/// (salvage_image) does not hit the program's own constants.
inline constexpr std::uint64_t kMagic_masked = 0x0A317647'45534C52u ^ 0x5A5A5A5A'5A5A5A5Au;
[[nodiscard]] inline std::uint64_t segment_magic() noexcept {
  // The volatile read keeps the compiler from folding the mask away.
  const volatile std::uint64_t masked = kMagic_masked;
  return masked ^ 0x5A5A5A5A'5A5A5A5Au;
}

/// Record kinds within a segment. Below 0x40: structural or metric. From 0x40: 0x40 + runlog::Kind.
enum class Tag : std::uint8_t {
  end = 0,          ///< no record here (yet)
  metric_real = 1,  ///< payload: u32 series, u32 ns since the mark, f64
  metric_int = 2,   ///< payload: u32 series, u32 ns since the mark, i64
  /// payload: i64 seq of the next record, i64 time ns, i64 step, i32 lane, u32 zero. Also a mark.
  block = 0x10,
  mark = 0x11,    ///< payload: i64 time ns, i64 step
  series = 0x12,  ///< payload: u32 id, then the name's bytes
  pad = 0x13,     ///< payload: none. Nothing more in this block.
  seal = 0x14,    ///< payload: i64 seq after the last record. Nothing more in this segment.
  event = 0x40,   ///< 0x41…0x7F: an event of runlog::Kind (tag - 0x40)
};
inline constexpr std::uint8_t kIncompatible_tags = 0x80;  ///< a reader that meets one stops there

inline constexpr std::size_t kMetric_bytes = 24;
inline constexpr std::size_t kBlock_head_bytes = 40;
inline constexpr std::size_t kMark_bytes = 24;
inline constexpr std::size_t kSeal_bytes = 16;
inline constexpr std::size_t kEvent_fixed_bytes = 32;  ///< payload before name, text and payload

/// Flags of an event.
enum EventFlag : std::uint8_t {
  kHas_step = 1,
  kHas_real = 2,
  kHas_int = 4,
  kHas_text = 8,
  kHas_payload = 16,
};

/// How often, in bytes of segment, a series in use is declared anew. A declaration that is lost to
/// damage is then found again at most so much later.
inline constexpr std::size_t kDeclare_again_bytes = 64u << 10;

/// Step of a metric as the 24-bit argument: 0 is "no step", else 0x800000 + (step - mark's step).
inline constexpr std::int64_t kStep_delta_max = 0x7FFFFF;
inline constexpr std::uint32_t kStep_bias = 0x800000;

/// Header offsets. All of it is covered by the CRC in its last four bytes.
struct HeaderAt {
  static constexpr std::size_t magic = 0;           // u64
  static constexpr std::size_t version = 8;         // u32
  static constexpr std::size_t segment_bytes = 12;  // u32
  static constexpr std::size_t session = 16;        // 16 bytes
  static constexpr std::size_t number = 32;         // u32
  static constexpr std::size_t lane = 36;           // i32
  static constexpr std::size_t first_seq = 40;      // i64
  static constexpr std::size_t created_ns = 48;     // i64
  static constexpr std::size_t incompatible = 56;   // u32 flags: a reader refuses unknown ones
  static constexpr std::size_t compatible = 60;     // u32 flags: a reader ignores unknown ones
  static constexpr std::size_t crc = 124;           // u32, of the 124 bytes before it
};

struct SegmentHeader {
  Session session = {};
  std::uint32_t number = 0;
  std::int32_t lane = 0;
  std::int64_t first_seq = 0;
  std::int64_t created_ns = 0;
  std::uint32_t segment_bytes = 0;
};

[[nodiscard]] constexpr std::uint64_t commit_upper(std::uint8_t tag,
                                                   std::uint32_t argument) noexcept {
  return static_cast<std::uint64_t>(tag) | (static_cast<std::uint64_t>(argument) << 8);
}
[[nodiscard]] constexpr std::uint8_t commit_tag(std::uint64_t word) noexcept {
  return static_cast<std::uint8_t>(word >> 32);
}
[[nodiscard]] constexpr std::uint32_t commit_argument(std::uint64_t word) noexcept {
  return static_cast<std::uint32_t>(word >> 40);
}
[[nodiscard]] constexpr std::uint32_t commit_crc(std::uint64_t word) noexcept {
  return static_cast<std::uint32_t>(word);
}
[[nodiscard]] constexpr bool is_metric(std::uint8_t tag) noexcept {
  return tag == 1 || tag == 2;
}
[[nodiscard]] constexpr bool is_event(std::uint8_t tag) noexcept {
  return tag > 0x40 && tag < kIncompatible_tags;
}
/// Size of the whole record, commit word included.
[[nodiscard]] constexpr std::size_t record_bytes(std::uint64_t word) noexcept {
  return is_metric(commit_tag(word)) ? kMetric_bytes
                                     : kCommit_bytes + align_up(commit_argument(word), 8);
}

[[nodiscard]] inline std::uint32_t segment_seed(const Session& session,
                                                std::uint32_t number) noexcept {
  const std::uint32_t state = crc32c_bytes(0xFFFFFFFFu, std::as_bytes(std::span(session.bytes)));
  return crc32c_word(state, number);
}
[[nodiscard]] inline std::uint32_t group_seed(std::uint32_t seed, std::int64_t time_ns,
                                              std::int64_t step) noexcept {
  return crc32c_word(crc32c_word(seed, static_cast<std::uint64_t>(time_ns)),
                     static_cast<std::uint64_t>(step));
}

}  // namespace runlog::format
