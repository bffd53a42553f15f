// CRC-32 as zip, gzip and Parquet use it (ISO-HDLC, polynomial 0x04C11DB7 reflected). The journal's
// checksum is another one: crc32c.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace runlog {

/// crc32("123456789") is 0xCBF43926. About 2 GB/s.
[[nodiscard]] std::uint32_t crc32(std::span<const std::byte> bytes) noexcept;

}  // namespace runlog
