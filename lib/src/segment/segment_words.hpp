// Reads and checks single words of a segment. Only for the readers of the header and of the
// records.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <span>

#include "base/checksum.hpp"
#include "base/crc32c.hpp"
#include "segment/layout.hpp"

namespace runlog::format {

inline constexpr std::size_t kHead_payload_bytes = 32;

[[nodiscard]] constexpr bool is_block_start(std::uint64_t at) noexcept {
  return at == kHeader_bytes || at % kBlock_bytes == 0;
}

[[nodiscard]] constexpr bool is_seq(std::int64_t number) noexcept {
  return number >= 0 && number < kSeq_end;
}

[[nodiscard]] inline std::uint64_t load_commit(const std::byte* at) noexcept {
  // acquire: pairs with the release in SegmentWriter::commit, for walkers beside a live writer.
  return std::atomic_ref<std::uint64_t>(
             *reinterpret_cast<std::uint64_t*>(const_cast<std::byte*>(at)))
      .load(std::memory_order_acquire);
}

/// Of the record at `at`, whose commit word is `word` and which lies within `bytes`.
[[nodiscard]] inline std::uint32_t crc_of(std::span<const std::byte> bytes, std::uint64_t at,
                                          std::uint64_t word, std::uint32_t seed) noexcept {
  const std::uint64_t upper = word >> 32;
  if (is_metric(commit_tag(word))) [[likely]] {
    const std::byte* const payload = bytes.data() + at + kCommit_bytes;
    return crc32c_words3(seed, at << 32 | upper, load<std::uint64_t>(payload),
                         load<std::uint64_t>(payload + 8));
  }
  const std::size_t payload = record_bytes(word) - kCommit_bytes;
  const std::uint32_t state = crc32c_word(seed, at << 32 | upper);
  return crc32c_bytes(state, bytes.subspan(at + kCommit_bytes, payload));
}

[[nodiscard]] inline bool head_validates(std::span<const std::byte> bytes, std::uint64_t at,
                                         std::uint32_t seed) noexcept {
  if (at + kBlock_head_bytes > bytes.size()) return false;
  const std::uint64_t word = load_commit(bytes.data() + at);
  return commit_tag(word) == static_cast<std::uint8_t>(Tag::block) &&
         commit_argument(word) == kHead_payload_bytes &&
         is_checksum(commit_crc(word), crc_of(bytes, at, word, seed)) &&
         is_seq(load<std::int64_t>(bytes.data() + at + kCommit_bytes));
}

}  // namespace runlog::format
