#include "pack/parquet/parquet_encodings.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstring>
#include <limits>

#include "base/bytes.hpp"
#include "pack/parquet/bit_packing.hpp"

namespace runlog::format {
namespace {

// The common choice, and the only one we read: 128 values, 4 miniblocks of 32.
constexpr std::size_t kBlock_values = 128;
constexpr std::size_t kMiniblocks = 4;
constexpr std::size_t kMiniblock_values = kBlock_values / kMiniblocks;
// Fewer equal values than this go into a bit-packed run with their neighbours.
constexpr std::size_t kRun_values_min = 8;

void put_varint(std::uint64_t value, std::vector<std::byte>& out) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::byte>(value | 0x80));
  out.push_back(static_cast<std::byte>(value));
}

void put_zigzag(std::int64_t value, std::vector<std::byte>& out) {
  put_varint((static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63),
             out);
}

void put_bytes(const void* source, std::size_t size, std::vector<std::byte>& out) {
  const auto* bytes = static_cast<const std::byte*>(source);
  out.insert(out.end(), bytes, bytes + size);
}

// The bounds-checked position in bytes that are being decoded.
struct Cursor {
  std::span<const std::byte> in;

  bool varint(std::uint64_t& value) {
    value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (in.empty()) return false;
      const auto byte = static_cast<std::uint8_t>(in.front());
      in = in.subspan(1);
      if (shift == 63 && byte > 1) return false;
      value |= static_cast<std::uint64_t>(byte & 0x7Fu) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }
  bool zigzag(std::int64_t& value) {
    std::uint64_t raw = 0;
    if (!varint(raw)) return false;
    value = static_cast<std::int64_t>((raw >> 1) ^ (~(raw & 1) + 1));
    return true;
  }
  bool take(std::uint64_t size, std::span<const std::byte>& taken) {
    if (size > in.size()) return false;
    taken = in.first(static_cast<std::size_t>(size));
    in = in.subspan(static_cast<std::size_t>(size));
    return true;
  }
};

// Wraps `value` at `bits` and widens it again with its sign.
std::int64_t wrap(std::uint64_t value, unsigned bits) {
  if (bits == 64) return static_cast<std::int64_t>(value);
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(value));
}

}  // namespace

unsigned hybrid_width(std::uint32_t number_max) noexcept {
  return std::max(1u, static_cast<unsigned>(std::bit_width(number_max)));
}

void encode_hybrid_run(std::size_t count, std::uint32_t value, unsigned width,
                       std::vector<std::byte>& out) {
  if (count == 0) return;
  put_varint(count << 1, out);
  put_bytes(&value, (width + 7) / 8, out);
}

template <typename T>
void encode_hybrid(std::span<const T> values, unsigned width, std::vector<std::byte>& out) {
  // Some at once, while they are equal: most runs are as long as the page.
  constexpr std::size_t kAt_once = 64;
  const auto run_at = [&](std::size_t begin, std::size_t values_max) {
    const std::size_t limit = begin + std::min(values_max, values.size() - begin);
    const T* const data = values.data();
    std::size_t end = begin + 1;
    while (limit - end >= kAt_once &&
           std::memcmp(data + end, data + end - 1, kAt_once * sizeof(T)) == 0) {
      end += kAt_once;
    }
    while (end < limit && data[end] == data[begin]) ++end;
    return end - begin;
  };
  for (std::size_t at = 0; at < values.size();) {
    if (run_at(at, kRun_values_min) == kRun_values_min) {
      const std::size_t run = run_at(at, values.size());
      put_varint(run << 1, out);
      const auto value = static_cast<std::uint32_t>(values[at]);
      put_bytes(&value, (width + 7) / 8, out);
      at += run;
      continue;
    }
    std::size_t end = at;
    while (end < values.size() && run_at(end, kRun_values_min) < kRun_values_min) end += 8;
    const std::size_t groups = (end - at) / 8;
    put_varint(groups << 1 | 1, out);
    const std::size_t whole = (std::min(end, values.size()) - at) / 8 * 8;
    pack_bits(values.subspan(at, whole), width, out);
    at += whole;
    if (at < end) {
      // Only the last run of all may end within a group of 8; zeros fill it.
      std::array<T, 8> last = {};
      std::copy(values.begin() + static_cast<std::ptrdiff_t>(at), values.end(), last.begin());
      pack_bits(std::span<const T>(last), width, out);
      at = end;
    }
  }
}

template <typename T>
bool decode_hybrid(std::span<const std::byte> in, unsigned width, std::span<T> values) {
  if (width < 1 || width > 32) return false;
  Cursor cursor{in};
  std::size_t at = 0;
  while (at < values.size()) {
    std::uint64_t header = 0;
    if (!cursor.varint(header)) return false;
    const std::size_t left = values.size() - at;
    std::span<const std::byte> body;
    if ((header & 1) != 0) {
      const std::uint64_t groups = header >> 1;
      if (groups == 0 || groups > (left + 7) / 8 || !cursor.take(groups * width, body)) {
        return false;
      }
      const std::size_t count = std::min(left, static_cast<std::size_t>(groups) * 8);
      for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t value = unpack_bits(body, width, i);
        if (value > std::numeric_limits<T>::max()) return false;
        values[at++] = static_cast<T>(value);
      }
    } else {
      const std::uint64_t run = header >> 1;
      if (run == 0 || run > left || !cursor.take((width + 7) / 8, body)) return false;
      std::uint32_t value = 0;
      std::memcpy(&value, body.data(), body.size());
      if (value > std::numeric_limits<T>::max() ||
          static_cast<unsigned>(std::bit_width(value)) > width) {
        return false;
      }
      std::fill_n(values.begin() + static_cast<std::ptrdiff_t>(at), run, static_cast<T>(value));
      at += static_cast<std::size_t>(run);
    }
  }
  return cursor.in.empty();
}

template void encode_hybrid(std::span<const std::uint8_t>, unsigned, std::vector<std::byte>&);
template void encode_hybrid(std::span<const std::uint32_t>, unsigned, std::vector<std::byte>&);
template bool decode_hybrid(std::span<const std::byte>, unsigned, std::span<std::uint8_t>);
template bool decode_hybrid(std::span<const std::byte>, unsigned, std::span<std::uint32_t>);

namespace {

void put_delta_header(std::size_t count, std::int64_t first, std::vector<std::byte>& out) {
  put_varint(kBlock_values, out);
  put_varint(kMiniblocks, out);
  put_varint(count, out);
  put_zigzag(first, out);
}

// A block whose deltas are all the same, as those of steps often are: nothing but that delta.
void put_equal_deltas(std::int64_t delta, std::vector<std::byte>& out) {
  put_zigzag(delta, out);
  out.insert(out.end(), kMiniblocks, std::byte{0});
}

// One block of DELTA_BINARY_PACKED: `deltas` has a value for each place of it, and those behind
// `count` are filled in here.
void encode_delta_block(std::array<std::uint64_t, kBlock_values>& deltas, std::size_t count,
                        std::vector<std::byte>& out) {
  std::uint64_t differences = 0;
  for (std::size_t i = 0; i < count; ++i) differences |= deltas[i] ^ deltas[0];
  if (differences == 0) return put_equal_deltas(static_cast<std::int64_t>(deltas[0]), out);
  auto delta_min = static_cast<std::int64_t>(deltas[0]);
  for (std::size_t i = 1; i < count; ++i) {
    delta_min = std::min(delta_min, static_cast<std::int64_t>(deltas[i]));
  }
  put_zigzag(delta_min, out);
  // What is stored per value is the distance of its delta from the block's smallest. It is never
  // negative, but it may need all the bits; modulo 2^bits it always fits. A miniblock that has
  // values is padded with zeros to 32 of them; one that has none has no bytes.
  std::fill(deltas.begin() + static_cast<std::ptrdiff_t>(count), deltas.end(),
            static_cast<std::uint64_t>(delta_min));
  std::array<unsigned, kMiniblocks> widths;
  for (std::size_t m = 0; m < kMiniblocks; ++m) {
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < kMiniblock_values; ++i) {
      all |= deltas[m * kMiniblock_values + i] -= static_cast<std::uint64_t>(delta_min);
    }
    widths[m] = static_cast<unsigned>(std::bit_width(all));
    out.push_back(static_cast<std::byte>(widths[m]));
  }
  const std::span<const std::uint64_t> distances = deltas;
  for (std::size_t m = 0; m < kMiniblocks; ++m) {
    pack_bits(distances.subspan(m * kMiniblock_values, kMiniblock_values), widths[m], out);
  }
}

}  // namespace

void encode_delta(std::span<const std::int64_t> values, unsigned bits,
                  std::vector<std::byte>& out) {
  put_delta_header(values.size(), values.empty() ? 0 : values.front(), out);
  std::array<std::uint64_t, kBlock_values> deltas;
  for (std::size_t at = 1; at < values.size();) {
    const std::size_t count = std::min(kBlock_values, values.size() - at);
    const std::int64_t* const from = values.data() + at - 1;
    for (std::size_t i = 0; i < count; ++i) {
      deltas[i] = static_cast<std::uint64_t>(from[i + 1]) - static_cast<std::uint64_t>(from[i]);
    }
    if (bits != 64) {
      for (std::size_t i = 0; i < count; ++i) {
        deltas[i] = static_cast<std::uint64_t>(wrap(deltas[i], bits));
      }
    }
    at += count;
    encode_delta_block(deltas, count, out);
  }
}

void encode_delta_run(std::int64_t first, std::int64_t difference, std::size_t count,
                      std::vector<std::byte>& out) {
  put_delta_header(count, count == 0 ? 0 : first, out);
  for (std::size_t at = 1; at < count; at += kBlock_values) put_equal_deltas(difference, out);
}

bool decode_delta(std::span<const std::byte> in, unsigned bits, std::span<std::int64_t> values) {
  Cursor cursor{in};
  std::uint64_t block_values = 0, miniblocks = 0, total = 0;
  std::int64_t value = 0;
  if (!cursor.varint(block_values) || !cursor.varint(miniblocks) || !cursor.varint(total) ||
      !cursor.zigzag(value)) {
    return false;
  }
  if (block_values != kBlock_values || miniblocks != kMiniblocks || total != values.size() ||
      wrap(static_cast<std::uint64_t>(value), bits) != value) {
    return false;
  }
  if (!values.empty()) values[0] = value;
  for (std::size_t at = 1; at < values.size();) {
    std::int64_t delta_min = 0;
    std::span<const std::byte> widths, body;
    if (!cursor.zigzag(delta_min) || !cursor.take(kMiniblocks, widths)) return false;
    for (std::size_t m = 0; m < kMiniblocks && at < values.size(); ++m) {
      const auto width = static_cast<unsigned>(widths[m]);
      if (width > bits || !cursor.take(kMiniblock_values / 8 * width, body)) return false;
      const std::size_t count = std::min(kMiniblock_values, values.size() - at);
      for (std::size_t i = 0; i < count; ++i) {
        value = wrap(static_cast<std::uint64_t>(value) + static_cast<std::uint64_t>(delta_min) +
                         unpack_bits(body, width, i),
                     bits);
        values[at++] = value;
      }
    }
  }
  return cursor.in.empty();
}

void encode_split(std::span<const std::int64_t> values, std::vector<std::byte>& out) {
  const std::size_t count = values.size();
  const std::size_t begin = out.size();
  out.resize(begin + count * sizeof(std::int64_t));
  // As many at a time as stay in the first-level cache for all eight streams.
  constexpr std::size_t kAt_once = 1024;
  for (std::size_t at = 0; at < count; at += kAt_once) {
    const auto some = values.subspan(at, std::min(kAt_once, count - at));
    for (std::size_t b = 0; b < sizeof(std::int64_t); ++b) {
      std::byte* const stream = out.data() + begin + b * count + at;
      for (std::size_t i = 0; i < some.size(); ++i) {
        stream[i] = static_cast<std::byte>(static_cast<std::uint64_t>(some[i]) >> (8 * b));
      }
    }
  }
}

bool decode_split(std::span<const std::byte> in, std::span<std::int64_t> values) {
  const std::size_t count = values.size();
  if (in.size() % sizeof(std::int64_t) != 0 || in.size() / sizeof(std::int64_t) != count) {
    return false;
  }
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t value = 0;
    for (std::size_t b = 0; b < sizeof value; ++b) {
      value |= static_cast<std::uint64_t>(in[b * count + i]) << (8 * b);
    }
    values[i] = static_cast<std::int64_t>(value);
  }
  return true;
}

void encode_plain(std::span<const std::int64_t> values, std::vector<std::byte>& out) {
  put_bytes(values.data(), values.size_bytes(), out);
}

bool decode_plain(std::span<const std::byte> in, std::span<std::int64_t> values) {
  if (in.size() != values.size_bytes()) return false;
  if (!in.empty()) std::memcpy(values.data(), in.data(), in.size());
  return true;
}

void encode_plain(std::string_view value, std::vector<std::byte>& out) {
  assert(value.size() <= std::numeric_limits<std::uint32_t>::max());
  const auto length = static_cast<std::uint32_t>(value.size());
  put_bytes(&length, sizeof length, out);
  put_bytes(value.data(), value.size(), out);
}

bool decode_plain(std::span<const std::byte> in, std::span<std::string_view> values) {
  Cursor cursor{in};
  for (std::string_view& value : values) {
    std::span<const std::byte> length, body;
    if (!cursor.take(sizeof(std::uint32_t), length) ||
        !cursor.take(load<std::uint32_t>(length.data()), body)) {
      return false;
    }
    value = as_text(body);
  }
  return cursor.in.empty();
}

}  // namespace runlog::format
