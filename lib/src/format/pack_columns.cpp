#include "format/pack_columns.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "base/crc32.hpp"
#include "format/lz4_codec.hpp"
#include "format/pack.hpp"
#include "format/parquet_encodings.hpp"

namespace runlog::format {
namespace {

// Values of a chunk that are encoded on trial, to choose an encoding.
constexpr std::size_t kSample_values = 4096;

std::string_view chars(const std::int64_t& value, std::size_t size) {
  return {reinterpret_cast<const char*>(&value), size};
}

// Writes the pages of one chunk and keeps its description up to date.
class ChunkWriter {
 public:
  ChunkWriter(const Column& column, std::int64_t out_offset, Bytes& out, ChunkScratch& scratch)
      : out_offset_(out_offset - static_cast<std::int64_t>(out.size())),
        out_(out),
        scratch_(scratch) {
    meta_.type = column.type;
    meta_.name = column.name;
  }

  /// Where the next page's bytes go: levels first, then values.
  Bytes& begin_page() {
    scratch_.page.clear();
    return scratch_.page;
  }

  void end_dictionary_page(std::size_t entries) {
    meta_.dictionary_page_offset = position();
    write_page({.type = PageType::dictionary,
                .values = static_cast<std::int32_t>(entries),
                .encoding = Encoding::plain});
  }

  void end_data_page(std::size_t rows, Encoding encoding) {
    if (meta_.data_pages++ == 0) meta_.data_page_offset = position();
    meta_.values += static_cast<std::int64_t>(rows);
    write_page(
        {.type = PageType::data, .values = static_cast<std::int32_t>(rows), .encoding = encoding});
  }

  ChunkMeta finish(Encoding encoding, bool has_levels) {
    meta_.encodings = {encoding};
    if (has_levels) meta_.encodings.push_back(Encoding::rle);
    if (meta_.dictionary_page_offset) meta_.encodings.push_back(Encoding::plain);
    return std::move(meta_);
  }

 private:
  [[nodiscard]] std::int64_t position() const {
    return out_offset_ + static_cast<std::int64_t>(out_.size());
  }

  void write_page(PageHeader header) {
    scratch_.compressed.clear();
    lz4_compress(scratch_.page, scratch_.compressed);
    header.uncompressed_bytes = static_cast<std::int32_t>(scratch_.page.size());
    header.compressed_bytes = static_cast<std::int32_t>(scratch_.compressed.size());
    header.crc = crc32(scratch_.compressed);
    const std::size_t begin = out_.size();
    encode_page_header(header, out_);
    const auto header_bytes = static_cast<std::int64_t>(out_.size() - begin);
    out_.insert(out_.end(), scratch_.compressed.begin(), scratch_.compressed.end());
    meta_.uncompressed_bytes += header_bytes + header.uncompressed_bytes;
    meta_.compressed_bytes += header_bytes + header.compressed_bytes;
  }

  std::int64_t out_offset_;  // of out_[0]
  Bytes& out_;
  ChunkScratch& scratch_;
  ChunkMeta meta_;
};

// The rows of a page, and the values they have.
struct PageRange {
  std::size_t row_begin = 0, row_end = 0;
  std::size_t value_begin = 0, value_end = 0;
};

// Calls `on_page` for pages of up to kPage_rows_max rows, whose values are all small. `levels` is
// empty for a required column.
template <typename OnPage>
void for_each_page(const Levels& levels, std::size_t values, OnPage&& on_page) {
  const std::size_t rows = levels.empty() ? values : levels.size();
  for (PageRange page; page.row_begin < rows;
       page.row_begin = page.row_end, page.value_begin = page.value_end) {
    page.row_end = std::min(rows, page.row_begin + kPage_rows_max);
    const std::size_t page_rows = page.row_end - page.row_begin;
    page.value_end += levels.empty() ? page_rows : levels.values(page.row_begin, page_rows);
    on_page(page);
  }
}

// The same for values of any size: a page ends at about kPage_bytes_target bytes, too.
template <typename ValueBytes, typename OnPage>
void for_each_page(const Levels& levels, std::size_t values, ValueBytes&& value_bytes,
                   OnPage&& on_page) {
  const std::size_t rows = levels.empty() ? values : levels.size();
  for (PageRange page; page.row_begin < rows;
       page.row_begin = page.row_end, page.value_begin = page.value_end) {
    std::size_t bytes = 0;
    while (page.row_end < rows && page.row_end - page.row_begin < kPage_rows_max) {
      if (levels.empty() || levels.has_value(page.row_end)) {
        const std::size_t more = value_bytes(page.value_end);
        if (bytes > 0 && bytes + more > kPage_bytes_target) break;
        bytes += more;
        ++page.value_end;
      }
      ++page.row_end;
    }
    on_page(page);
  }
}

void put_levels(const Levels& levels, const PageRange& page, Bytes& out) {
  if (levels.empty()) return;
  const std::size_t begin = out.size();
  out.resize(begin + sizeof(std::uint32_t));
  levels.encode(page.row_begin, page.row_end - page.row_begin, out);
  store(out.data() + begin, static_cast<std::uint32_t>(out.size() - begin - sizeof(std::uint32_t)));
}

void put_indices(std::span<const std::uint32_t> indices, unsigned width, Bytes& out) {
  out.push_back(static_cast<std::byte>(width));
  encode_hybrid(indices, width, out);
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
  Bytes encoded, compressed;
  encode_plain(sample, encoded);
  const std::size_t plain_bytes = lz4_compressed_bytes(encoded, compressed);
  encoded.clear();
  encode_split(sample, encoded);
  const std::size_t split_bytes = lz4_compressed_bytes(encoded, compressed);
  const std::size_t other_bytes = std::min(plain_bytes, split_bytes);

  if (const auto dictionary = make_dictionary(sample, count / 8, scratch.indices)) {
    encoded.clear();
    const auto entries = static_cast<std::uint32_t>(dictionary->size());
    put_indices(scratch.indices, hybrid_width(entries - 1), encoded);
    std::size_t dictionary_bytes = lz4_compressed_bytes(encoded, compressed);
    encoded.clear();
    encode_plain(*dictionary, encoded);
    dictionary_bytes += lz4_compressed_bytes(encoded, compressed);
    if (dictionary_bytes < other_bytes) return Encoding::rle_dictionary;
  }
  return split_bytes < plain_bytes ? Encoding::byte_stream_split : Encoding::plain;
}

}  // namespace

std::size_t Levels::values(std::size_t begin, std::size_t count) const {
  if (bytes_.empty()) return first_ != 0 ? count : 0;
  return static_cast<std::size_t>(std::ranges::count(std::span(bytes_).subspan(begin, count), 1));
}

void Levels::encode(std::size_t begin, std::size_t count, Bytes& out) const {
  if (bytes_.empty()) {
    encode_hybrid_run(count, first_, 1, out);
  } else {
    encode_hybrid(std::span(bytes_).subspan(begin, count), 1, out);
  }
}

void Levels::add_bytes(std::uint8_t level) {
  if (bytes_.empty()) {
    bytes_.reserve(kRow_group_rows_max);
    bytes_.assign(rows_, first_);
  }
  bytes_.push_back(level);
  ++rows_;
}

// Room for a whole row group is reserved at once: growing by doubling would fault in twice the
// pages, which is a third of what packing a row costs. What stays unused is never touched.
NumberColumn::NumberColumn(const Column& column) : column_(column) {
  values_.reserve(kRow_group_rows_max);
}

StringColumn::StringColumn(const Column& column)
    : column_(column), has_dictionary_(column.has_dictionary) {
  entry_of_.reserve(kRow_group_rows_max);
}

void NumberColumn::clear() {
  values_.clear();
  levels_.clear();
}

ChunkMeta NumberColumn::write(std::int64_t out_offset, Bytes& out, ChunkScratch& scratch) const {
  // A column of nulls only is PLAIN: no bytes at all, which every reader can read.
  Encoding encoding = Encoding::plain;
  std::optional<Numbers> dictionary;
  if (!values_.empty() && column_.type != PhysicalType::real64) {
    encoding = Encoding::delta_binary_packed;
  } else if (!values_.empty()) {
    encoding = choose_encoding(values_, scratch);
    if (encoding == Encoding::rle_dictionary) {
      dictionary = make_dictionary(values_, values_.size() / 8 + 1, scratch.indices);
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
  for_each_page(levels_, values_.size(), [&](const PageRange& range) {
    Bytes& page = writer.begin_page();
    put_levels(levels_, range, page);
    const std::size_t count = range.value_end - range.value_begin;
    const auto values = std::span(values_).subspan(range.value_begin, count);
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
  meta.null_count = meta.values - static_cast<std::int64_t>(values_.size());
  if (column_.has_bounds && !values_.empty()) {
    const auto [low, high] = std::ranges::minmax_element(values_);
    set_bounds(*low, *high, column_, meta);
  }
  return meta;
}

ChunkMeta RunColumn::write(std::int64_t out_offset, Bytes& out, ChunkScratch& scratch) const {
  ChunkWriter writer(column_, out_offset, out, scratch);
  std::size_t run = 0;
  for_each_page({}, rows_, [&](const PageRange& range) {
    scratch.numbers.resize(range.row_end - range.row_begin);
    std::int64_t* target = scratch.numbers.data();
    for (std::size_t row = range.row_begin; row < range.row_end;) {
      while (run + 1 < runs_.size() && runs_[run + 1].begin <= row) ++run;
      const std::size_t end =
          run + 1 < runs_.size() ? std::min(runs_[run + 1].begin, range.row_end) : range.row_end;
      for (; row < end; ++row) *target++ = value(runs_[run], row);
    }
    encode_delta(scratch.numbers, delta_bits(column_), writer.begin_page());
    writer.end_data_page(range.row_end - range.row_begin, Encoding::delta_binary_packed);
  });
  ChunkMeta meta = writer.finish(Encoding::delta_binary_packed, false);
  if (column_.has_bounds && rows_ > 0) {
    // Within a run the values rise or stay: its ends are its bounds.
    std::int64_t low = runs_.front().first, high = low;
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      const std::size_t end = i + 1 < runs_.size() ? runs_[i + 1].begin : rows_;
      low = std::min(low, runs_[i].first);
      high = std::max(high, value(runs_[i], end - 1));
    }
    set_bounds(low, high, column_, meta);
  }
  return meta;
}

std::size_t StringColumn::add_names(const MetricRun& metrics,
                                    std::span<const std::string_view> names,
                                    std::vector<SeriesEntries::Entry>& entries,
                                    std::size_t plain_bytes_max) {
  const std::size_t begin = entry_of_.size();
  entry_of_.resize(begin + metrics.count);
  std::size_t done = 0;
  std::size_t bytes = plain_bytes_;
  while (done < metrics.count && (done == 0 || bytes < plain_bytes_max)) {
    const std::uint32_t series = metrics.series(done);
    if (series >= entries.size() || entries[series].index == UINT32_MAX) {
      // The walker has seen that there is a name; should the file have changed since, there is
      // none.
      const bool is_named = series < names.size();
      if (is_named && series >= entries.size()) entries.resize(std::size_t{series} + 1);
      const std::uint32_t index = find_or_append(is_named ? names[series] : std::string_view{});
      if (is_named) {
        entries[series] = {index, static_cast<std::uint32_t>(length_bytes(index))};
      } else {
        entry_of_[begin + done++] = index;
        bytes += length_bytes(index);
        continue;
      }
    }
    entry_of_[begin + done++] = entries[series].index;
    bytes += entries[series].plain_bytes;
  }
  entry_of_.resize(begin + done);
  plain_bytes_ = bytes;
  if (is_optional()) levels_.add(true, done);
  return done;
}

std::uint32_t StringColumn::add_and_note(std::string_view value) {
  const std::uint32_t entry = find_or_append(value);
  guess_of(value) = entry;
  add_again(entry);
  return entry;
}

std::uint32_t StringColumn::find_or_append(std::string_view value) {
  const auto next = static_cast<std::uint32_t>(ends_.size() - 1);
  if (has_dictionary_) {
    const std::uint32_t found =
        table_.find_or_note(std::hash<std::string_view>{}(value), next,
                            [&](std::uint32_t index) { return entry(index) == value; });
    if (found != IndexTable::kNone) return found;
    if (bytes_.size() + value.size() > kDictionary_bytes_max) has_dictionary_ = false;
  }
  bytes_.append(value);
  ends_.push_back(bytes_.size());
  return next;
}

void StringColumn::clear() {
  has_dictionary_ = column_.has_dictionary;
  bytes_.clear();
  ends_.resize(1);
  entry_of_.clear();
  table_.clear();
  plain_bytes_ = 0;
  levels_.clear();
}

bool StringColumn::dictionary_pays() const noexcept {
  if (!has_dictionary_ || entry_of_.empty()) return false;
  const std::size_t entries = ends_.size() - 1;
  const unsigned width = hybrid_width(static_cast<std::uint32_t>(entries - 1));
  const std::size_t dictionary_bytes = bytes_.size() + entries * sizeof(std::uint32_t);
  return dictionary_bytes + entry_of_.size() * width / 8 < plain_bytes_;
}

ChunkMeta StringColumn::write(std::int64_t out_offset, Bytes& out, ChunkScratch& scratch) const {
  ChunkWriter writer(column_, out_offset, out, scratch);
  const bool is_dictionary = dictionary_pays();
  const Encoding encoding = is_dictionary ? Encoding::rle_dictionary : Encoding::plain;
  const auto entries = static_cast<std::uint32_t>(ends_.size() - 1);
  unsigned index_width = 0;
  if (is_dictionary) {
    index_width = hybrid_width(entries - 1);
    Bytes& page = writer.begin_page();
    for (std::uint32_t i = 0; i < entries; ++i) encode_plain(entry(i), page);
    writer.end_dictionary_page(entries);
  }
  const auto write_page = [&](const PageRange& range) {
    Bytes& page = writer.begin_page();
    put_levels(levels_, range, page);
    const auto values =
        std::span(entry_of_).subspan(range.value_begin, range.value_end - range.value_begin);
    if (is_dictionary) {
      put_indices(values, index_width, page);
    } else {
      for (const std::uint32_t value : values) encode_plain(entry(value), page);
    }
    writer.end_data_page(range.row_end - range.row_begin, encoding);
  };
  if (is_dictionary) {
    for_each_page(levels_, entry_of_.size(), write_page);
  } else {
    const auto value_bytes = [&](std::size_t value) { return length_bytes(entry_of_[value]); };
    for_each_page(levels_, entry_of_.size(), value_bytes, write_page);
  }

  ChunkMeta meta = writer.finish(encoding, is_optional());
  meta.null_count = meta.values - static_cast<std::int64_t>(entry_of_.size());
  if (column_.has_bounds && entries > 0) {
    std::string_view low = entry(0), high = low;
    for (std::uint32_t i = 1; i < entries; ++i) {
      low = std::min(low, entry(i));
      high = std::max(high, entry(i));
    }
    if (low.size() <= kBound_bytes_max && high.size() <= kBound_bytes_max) {
      meta.value_min = low;
      meta.value_max = high;
    }
  }
  return meta;
}

}  // namespace runlog::format
