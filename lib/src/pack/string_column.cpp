// StringColumn: its dictionary, and how a chunk of strings is encoded.
#include <algorithm>
#include <functional>
#include <string>

#include "pack/chunk_writer.hpp"
#include "pack/pack.hpp"
#include "pack/pack_columns.hpp"

namespace runlog::format {

std::size_t StringColumn::add_names(const MetricRun& metrics,
                                    std::span<const std::string_view> names,
                                    std::vector<SeriesEntries::Entry>& entries,
                                    std::size_t plain_bytes_max) {
  const std::size_t begin = entry_of_.size();
  std::uint32_t* const target = entry_of_.extend(metrics.count);
  std::size_t bytes = plain_bytes_;
  std::size_t done = 0;
  while (done < metrics.count && (done == 0 || bytes < plain_bytes_max)) {
    const std::uint32_t series = metrics.series(done);
    SeriesEntries::Entry entry;
    if (series < entries.size()) [[likely]]
      entry = entries[series];
    if (entry.index == UINT32_MAX) [[unlikely]] {
      // The walker has seen that there is a name; should the file have changed since, there is
      // none.
      const bool is_named = series < names.size();
      entry.index = find_or_append(is_named ? names[series] : std::string_view{});
      entry.plain_bytes = static_cast<std::uint32_t>(length_bytes(entry.index));
      if (is_named && series >= entries.size()) entries.resize(names.size());
      if (is_named) entries[series] = entry;
    }
    target[done++] = entry.index;
    bytes += entry.plain_bytes;
  }
  entry_of_.shorten(begin + done);
  plain_bytes_ = bytes;
  if (is_optional()) levels_.add(true, done);
  return done;
}

std::uint32_t StringColumn::add_and_note(std::string_view value) {
  const std::uint32_t entry = find_or_append(value);
  guesses_.of(value) = entry;
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
        entry_of_.all().subspan(range.value_begin, range.value_end - range.value_begin);
    if (is_dictionary) {
      put_indices(values, index_width, page);
    } else {
      for (const std::uint32_t value : values) encode_plain(entry(value), page);
    }
    writer.end_data_page(range.row_end - range.row_begin, encoding);
  };
  if (is_dictionary || entry_of_.empty()) {
    for_each_page(levels_, entry_of_.size(), write_page);
  } else {
    const auto value_bytes = [&](std::size_t value) {
      return length_bytes(entry_of_.all()[value]);
    };
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
