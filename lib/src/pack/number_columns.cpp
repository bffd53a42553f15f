// NumberColumn and RunColumn: how a chunk of numbers is encoded.
#include <algorithm>
#include <optional>

#include "pack/chunk_writer.hpp"
#include "pack/pack_columns.hpp"

namespace runlog::format {
namespace {

// Values of a chunk that are encoded on trial, to choose an encoding.
constexpr std::size_t kSample_values = 4096;

std::string_view chars(const std::int64_t& value, std::size_t size) {
  return {reinterpret_cast<const char*>(&value), size};
}

unsigned delta_bits(const Column& column) {
  return column.type == PhysicalType::int32 ? 32 : 64;
}

void set_bounds(std::int64_t low, std::int64_t high, const Column& column, ChunkMeta& meta) {
  const std::size_t size = column.type == PhysicalType::int32 ? 4 : 8;
  meta.value_min = chars(low, size);
  meta.value_max = chars(high, size);
}

using Numbers = std::vector<std::int64_t>;

std::uint64_t hash_of(std::int64_t value) {
  // Spreads every bit over both the low and the high ones (a step of MurmurHash3's finalizer).
  auto hash = static_cast<std::uint64_t>(value);
  hash = (hash ^ (hash >> 33)) * 0xFF51AFD7ED558CCDu;
  return hash ^ (hash >> 33);
}

// The different values, and in `indices` which of them each value is; nothing when there are more
// than `entries_max`.
std::optional<Numbers> make_dictionary(std::span<const std::int64_t> values,
                                       std::size_t entries_max,
                                       std::vector<std::uint32_t>& indices) {
  Numbers dictionary;
  IndexTable table;
  indices.clear();
  for (const std::int64_t value : values) {
    const auto next = static_cast<std::uint32_t>(dictionary.size());
    const std::uint32_t found = table.find_or_note(
        hash_of(value), next, [&](std::uint32_t index) { return dictionary[index] == value; });
    if (found == IndexTable::kNone) {
      if (next == entries_max) return std::nullopt;
      dictionary.push_back(value);
    }
    indices.push_back(found == IndexTable::kNone ? next : found);
  }
  return dictionary;
}

// How to write doubles, found by trying each way on a stretch from the middle of the chunk.
//  - A dictionary, where one value in eight or fewer is a new one: a learning rate, a flag.
//  - BYTE_STREAM_SPLIT, where it compresses better than PLAIN: nearly always, and best for numbers
//    that were float32, whose three lowest bytes are zero.
//  - PLAIN, where values repeat in patterns that the split would tear apart.
Encoding choose_encoding(std::span<const std::int64_t> values, ChunkScratch& scratch) {
  const std::size_t count = std::min(values.size(), kSample_values);
  const auto sample = values.subspan((values.size() - count) / 2, count);
  Bytes encoded;
  encode_plain(sample, encoded);
  const std::size_t plain_bytes = lz4_compress(encoded, scratch.compressed).size();
  encoded.clear();
  encode_split(sample, encoded);
  const std::size_t split_bytes = lz4_compress(encoded, scratch.compressed).size();
  const std::size_t other_bytes = std::min(plain_bytes, split_bytes);

  if (const auto dictionary = make_dictionary(sample, count / 8, scratch.indices)) {
    encoded.clear();
    const auto entries = static_cast<std::uint32_t>(dictionary->size());
    put_indices(scratch.indices, hybrid_width(entries - 1), encoded);
    std::size_t dictionary_bytes = lz4_compress(encoded, scratch.compressed).size();
    encoded.clear();
    encode_plain(*dictionary, encoded);
    dictionary_bytes += lz4_compress(encoded, scratch.compressed).size();
    if (dictionary_bytes < other_bytes) return Encoding::rle_dictionary;
  }
  return split_bytes < plain_bytes ? Encoding::byte_stream_split : Encoding::plain;
}

}  // namespace

void NumberColumn::clear() {
  values_.clear();
  levels_.clear();
}

bool NumberColumn::is_rising() const noexcept {
  const std::span<const std::int64_t> all = values_.all();
  if (all.empty()) return true;
  // The sign tells: between numbers that are not negative no difference overflows. Two at a time,
  // as the compiler does it, which it would not with a comparison.
  auto signs = static_cast<std::uint64_t>(all.front());
  for (std::size_t i = 1; i < all.size(); ++i) {
    const auto value = static_cast<std::uint64_t>(all[i]);
    signs |= value | (value - static_cast<std::uint64_t>(all[i - 1]));
  }
  return static_cast<std::int64_t>(signs) >= 0;
}

ChunkMeta NumberColumn::write(std::int64_t out_offset, Bytes& out, ChunkScratch& scratch) const {
  const std::span<const std::int64_t> all = values_.all();
  // A column of nulls only is PLAIN: no bytes at all, which every reader can read.
  Encoding encoding = Encoding::plain;
  std::optional<Numbers> dictionary;
  if (!all.empty() && column_.type != PhysicalType::real64) {
    encoding = Encoding::delta_binary_packed;
  } else if (!all.empty()) {
    encoding = choose_encoding(all, scratch);
    if (encoding == Encoding::rle_dictionary) {
      dictionary = make_dictionary(all, all.size() / 8 + 1, scratch.indices);
      if (!dictionary) encoding = Encoding::byte_stream_split;
    }
  }

  ChunkWriter writer(column_, out_offset, out, scratch);
  unsigned index_width = 0;
  if (dictionary) {
    index_width = hybrid_width(static_cast<std::uint32_t>(dictionary->size() - 1));
    encode_plain(*dictionary, writer.begin_page());
    writer.end_dictionary_page(dictionary->size());
  }
  for_each_page(levels_, all.size(), [&](const PageRange& range) {
    Bytes& page = writer.begin_page();
    put_levels(levels_, range, page);
    const std::size_t count = range.value_end - range.value_begin;
    const auto values = all.subspan(range.value_begin, count);
    switch (encoding) {
      case Encoding::delta_binary_packed:
        encode_delta(values, delta_bits(column_), page);
        break;
      case Encoding::byte_stream_split:
        encode_split(values, page);
        break;
      case Encoding::rle_dictionary:
        put_indices(std::span(scratch.indices).subspan(range.value_begin, count), index_width,
                    page);
        break;
      default:
        encode_plain(values, page);
    }
    writer.end_data_page(range.row_end - range.row_begin, encoding);
  });

  ChunkMeta meta = writer.finish(encoding, is_optional());
  meta.null_count = meta.values - static_cast<std::int64_t>(all.size());
  if (column_.has_bounds && !all.empty()) {
    std::int64_t low = all.front(), high = all.back();
    if (!is_rising()) {
      for (const std::int64_t value : all) {
        low = std::min(low, value);
        high = std::max(high, value);
      }
    }
    set_bounds(low, high, column_, meta);
  }
  return meta;
}

ChunkMeta RunColumn::write(std::int64_t out_offset, Bytes& out, ChunkScratch& scratch) const {
  ChunkWriter writer(column_, out_offset, out, scratch);
  std::size_t run = 0;
  for_each_page({}, rows_, [&](const PageRange& range) {
    while (end_of(run) <= range.row_begin) ++run;
    const std::size_t rows = range.row_end - range.row_begin;
    Bytes& page = writer.begin_page();
    if (end_of(run) >= range.row_end) {
      encode_delta_run(value(runs_[run], range.row_begin), difference_, rows, page);
    } else {
      scratch.numbers.resize(rows);
      std::int64_t* target = scratch.numbers.data();
      for (std::size_t row = range.row_begin; row < range.row_end;) {
        while (end_of(run) <= row) ++run;
        const std::size_t end = std::min(end_of(run), range.row_end);
        for (; row < end; ++row) *target++ = value(runs_[run], row);
      }
      encode_delta(scratch.numbers, delta_bits(column_), page);
    }
    writer.end_data_page(range.row_end - range.row_begin, Encoding::delta_binary_packed);
  });
  ChunkMeta meta = writer.finish(Encoding::delta_binary_packed, false);
  if (column_.has_bounds && rows_ > 0) {
    // Within a run the values rise or stay: its ends are its bounds.
    std::int64_t low = runs_.front().first, high = low;
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      low = std::min(low, runs_[i].first);
      high = std::max(high, value(runs_[i], end_of(i) - 1));
    }
    set_bounds(low, high, column_, meta);
  }
  return meta;
}

}  // namespace runlog::format
