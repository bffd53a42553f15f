// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), by the SSE 4.2 instruction where there is
// one. The functions take and return the raw register: no inversion at either end. Journal CRCs are
// seeded, so the inversion would only cost; crc32c() is the standard check value.
#pragma once

#include <cstdint>
#include <span>

namespace runlog {

/// The table implementation: for CPUs without the instruction, and for tests that compare the two.
[[nodiscard]] std::uint32_t crc32c_bytes_table(std::uint32_t state,
                                               std::span<const std::byte> bytes) noexcept;
[[nodiscard]] std::uint32_t crc32c_word_table(std::uint32_t state, std::uint64_t word) noexcept;

namespace detail {
/// Set before main(); until then the table is used, which gives the same numbers.
extern const bool kCrc32c_hardware;

#if defined(__x86_64__)
// As assembly, because the intrinsic may only be inlined into functions that are compiled for SSE
// 4.2, and the whole library is not. Never reached on a CPU without it.
[[nodiscard]] inline std::uint64_t crc32c_step(std::uint64_t state, std::uint64_t word) noexcept {
  __asm__("crc32q %1, %0" : "+r"(state) : "rm"(word));
  return state;
}
#else
[[nodiscard]] inline std::uint64_t crc32c_step(std::uint64_t state, std::uint64_t) noexcept {
  return state;
}
#endif
}  // namespace detail

/// Feeds the eight bytes of `word`, lowest first.
[[nodiscard]] inline std::uint32_t crc32c_word(std::uint32_t state, std::uint64_t word) noexcept {
  if (detail::kCrc32c_hardware) [[likely]] {
    return static_cast<std::uint32_t>(detail::crc32c_step(state, word));
  }
  return crc32c_word_table(state, word);
}

/// Feeds three words: a metric record. For callers that know crc32c_is_hardware(). The upper half
/// is 0.
[[nodiscard]] inline std::uint64_t crc32c_words3_hardware(std::uint32_t state, std::uint64_t first,
                                                          std::uint64_t second,
                                                          std::uint64_t third) noexcept {
  std::uint64_t wide = detail::crc32c_step(state, first);
  wide = detail::crc32c_step(wide, second);
  return detail::crc32c_step(wide, third);
}
/// The same for everybody.
[[nodiscard]] inline std::uint32_t crc32c_words3(std::uint32_t state, std::uint64_t first,
                                                 std::uint64_t second,
                                                 std::uint64_t third) noexcept {
  if (detail::kCrc32c_hardware) [[likely]]
    return static_cast<std::uint32_t>(crc32c_words3_hardware(state, first, second, third));
  return crc32c_word_table(crc32c_word_table(crc32c_word_table(state, first), second), third);
}

/// Feeds `bytes`.
[[nodiscard]] std::uint32_t crc32c_bytes(std::uint32_t state,
                                         std::span<const std::byte> bytes) noexcept;

/// The standard CRC-32C of `bytes`: crc32c("123456789") is 0xE3069283.
[[nodiscard]] std::uint32_t crc32c(std::span<const std::byte> bytes) noexcept;

/// Whether the instruction is used; the table otherwise.
[[nodiscard]] bool crc32c_is_hardware() noexcept;

}  // namespace runlog
