// Bit packing, as Parquet's encodings do it: numbers of `width` bits each, lowest bit first,
// without gaps. Knows nothing of runs, blocks or pages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "base/bytes.hpp"

namespace runlog::format {

/// Appends `values`, a multiple of 8 of them, each of at most `width` (0 to 64) bits.
template <typename T>
void pack_bits(std::span<const T> values, unsigned width, std::vector<std::byte>& out) {
  if (width == 0) return;
  const std::size_t begin = out.size();
  const std::size_t bytes = values.size() / 8 * width;
  // A word is stored whole where only a part of it counts; the rest is overwritten or cut off.
  out.resize(begin + bytes + sizeof(std::uint64_t));
  std::byte* target = out.data() + begin;
  if (width <= 8) {
    for (std::size_t at = 0; at < values.size(); at += 8, target += width) {
      std::uint64_t word = 0;
      for (unsigned i = 0; i < 8; ++i) {
        word |= static_cast<std::uint64_t>(values[at + i]) << (i * width);
      }
      store(target, word);
    }
  } else {
    std::uint64_t held = 0;
    unsigned held_bits = 0;  // below 64 between values
    for (const T value : values) {
      held |= static_cast<std::uint64_t>(value) << held_bits;
      held_bits += width;
      if (held_bits < 64) continue;
      store(target, held);
      target += sizeof held;
      held_bits -= 64;
      held = held_bits == 0 ? 0 : static_cast<std::uint64_t>(value) >> (width - held_bits);
    }
    store(target, held);
  }
  out.resize(begin + bytes);
}

/// The `index`th value of `width` (0 to 64) bits in `packed`, which is long enough to hold it.
[[nodiscard]] inline std::uint64_t unpack_bits(std::span<const std::byte> packed, unsigned width,
                                               std::size_t index) {
  if (width == 0) return 0;
  const std::size_t first_bit = index * width;
  const std::size_t at = first_bit / 8;
  const unsigned shift = first_bit % 8;
  std::uint64_t value = 0;
  if (packed.size() - at >= 8) {
    value = load<std::uint64_t>(packed.data() + at) >> shift;
    if (shift + width > 64) {
      value |= static_cast<std::uint64_t>(packed[at + 8]) << (64 - shift);
    }
  } else {
    std::memcpy(&value, packed.data() + at, packed.size() - at);
    value >>= shift;
  }
  return width == 64 ? value : value & ((std::uint64_t{1} << width) - 1);
}

}  // namespace runlog::format
