// How Parquet lays out the values of a page, as pure functions: the RLE/bit-packing hybrid,
// DELTA_BINARY_PACKED, BYTE_STREAM_SPLIT and PLAIN. Knows nothing of pages, columns or compression.
//
// Encoders append to `out`. Decoders get untrusted bytes and must use up `in` exactly while filling
// `values` exactly; anything else is false, and `values` then holds no promise. 64-bit numbers are
// passed as std::int64_t bit patterns, doubles too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace runlog::format {

/// The bits to hold every number from 0 to `number_max`; at least 1, because readers differ about
/// 0.
[[nodiscard]] unsigned hybrid_width(std::uint32_t number_max) noexcept;

/// RLE/bit-packing hybrid without a length in front. `width` is 1 to 32 bits.
template <typename T>  // std::uint8_t or std::uint32_t
void encode_hybrid(std::span<const T> values, unsigned width, std::vector<std::byte>& out);
/// `count` times the same value.
void encode_hybrid_run(std::size_t count, std::uint32_t value, unsigned width,
                       std::vector<std::byte>& out);
template <typename T>
[[nodiscard]] bool decode_hybrid(std::span<const std::byte> in, unsigned width,
                                 std::span<T> values);

/// DELTA_BINARY_PACKED in blocks of 128 values. `bits` is 32 for an INT32 column, else 64: the
/// arithmetic wraps at that width.
void encode_delta(std::span<const std::int64_t> values, unsigned bits, std::vector<std::byte>& out);
/// The same for `count` values, each by `difference` more than the one before it.
void encode_delta_run(std::int64_t first, std::int64_t difference, std::size_t count,
                      std::vector<std::byte>& out);
[[nodiscard]] bool decode_delta(std::span<const std::byte> in, unsigned bits,
                                std::span<std::int64_t> values);

/// BYTE_STREAM_SPLIT: the first bytes of all values, then the second bytes, …
void encode_split(std::span<const std::int64_t> values, std::vector<std::byte>& out);
[[nodiscard]] bool decode_split(std::span<const std::byte> in, std::span<std::int64_t> values);

void encode_plain(std::span<const std::int64_t> values, std::vector<std::byte>& out);
[[nodiscard]] bool decode_plain(std::span<const std::byte> in, std::span<std::int64_t> values);

/// A byte string: its length in 4 bytes, then its bytes.
void encode_plain(std::string_view value, std::vector<std::byte>& out);
/// The views point into `in`.
[[nodiscard]] bool decode_plain(std::span<const std::byte> in, std::span<std::string_view> values);

}  // namespace runlog::format
