// LZ4 blocks without a frame, which Parquet calls LZ4_RAW. The only room that knows lz4.h.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace runlog::format {

/// `source`, compressed, at the start of `room`, which grows where it must. Cannot fail below 2 GB
/// (what does not shrink grows by at most 0.4 % + 16 bytes).
[[nodiscard]] std::span<const std::byte> lz4_compress(std::span<const std::byte> source,
                                                      std::vector<std::byte>& room);

/// Fills `target` exactly from untrusted `source`; false when it is damaged or of another length.
[[nodiscard]] bool lz4_decompress(std::span<const std::byte> source, std::span<std::byte> target);

/// No block of `compressed_bytes` expands to more: a bound to check before allocating.
[[nodiscard]] constexpr std::size_t lz4_expanded_bytes_max(std::size_t compressed_bytes) noexcept {
  return compressed_bytes * 255;
}

}  // namespace runlog::format
