// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), by the SSE 4.2 instruction where there is
// one. The functions take and return the raw register: no inversion at either end. Journal CRCs are
// seeded, so the inversion would only cost; crc32c() is the standard check value.
#pragma once

#include <cstdint>
#include <span>

namespace runlog {

/// Feeds the eight bytes of `word`, lowest first.
[[nodiscard]] std::uint32_t crc32c_word(std::uint32_t state, std::uint64_t word) noexcept;

/// Feeds three words: a metric record in one call.
[[nodiscard]] std::uint32_t crc32c_words3(std::uint32_t state, std::uint64_t first,
                                          std::uint64_t second, std::uint64_t third) noexcept;

/// Feeds `bytes`.
[[nodiscard]] std::uint32_t crc32c_bytes(std::uint32_t state,
                                         std::span<const std::byte> bytes) noexcept;

/// The standard CRC-32C of `bytes`: crc32c("123456789") is 0xE3069283.
[[nodiscard]] std::uint32_t crc32c(std::span<const std::byte> bytes) noexcept;

/// Whether the instruction is used; the table otherwise.
[[nodiscard]] bool crc32c_is_hardware() noexcept;

/// The table implementation, for tests that compare the two.
[[nodiscard]] std::uint32_t crc32c_bytes_table(std::uint32_t state,
                                               std::span<const std::byte> bytes) noexcept;

}  // namespace runlog
