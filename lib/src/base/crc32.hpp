// CRC-32 as zip, gzip and Parquet use it (ISO-HDLC, polynomial 0x04C11DB7 reflected). The journal's
// checksum is another one: crc32c.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace runlog {

/// crc32("123456789") is 0xCBF43926. Where the CPU multiplies without carries (PCLMULQDQ) as fast
/// as memory, else about 2 GB/s.
[[nodiscard]] std::uint32_t crc32(std::span<const std::byte> bytes) noexcept;

/// For CPUs without that instruction, and for the test that compares the two.
[[nodiscard]] std::uint32_t crc32_by_table(std::span<const std::byte> bytes) noexcept;

}  // namespace runlog
