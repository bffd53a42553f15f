// ChunkWriter: cuts, compresses, checksums and describes the pages of one column chunk of any type.
// Only for the columns of pack_columns.hpp.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>

#include "base/bytes.hpp"
#include "base/crc32.hpp"
#include "pack/pack_columns.hpp"
#include "pack/parquet/lz4_codec.hpp"
#include "pack/parquet/parquet_encodings.hpp"
#include "pack/parquet/parquet_page_header.hpp"

namespace runlog::format {

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
    const auto compressed = lz4_compress(scratch_.page, scratch_.compressed);
    header.uncompressed_bytes = static_cast<std::int32_t>(scratch_.page.size());
    header.compressed_bytes = static_cast<std::int32_t>(compressed.size());
    header.crc = crc32(compressed);
    const std::size_t begin = out_.size();
    encode_page_header(header, out_);
    const auto header_bytes = static_cast<std::int64_t>(out_.size() - begin);
    out_.insert(out_.end(), compressed.begin(), compressed.end());
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

inline void put_levels(const Levels& levels, const PageRange& page, Bytes& out) {
  if (levels.empty()) return;
  const std::size_t begin = out.size();
  out.resize(begin + sizeof(std::uint32_t));
  levels.encode(page.row_begin, page.row_end - page.row_begin, out);
  store(out.data() + begin, static_cast<std::uint32_t>(out.size() - begin - sizeof(std::uint32_t)));
}

inline void put_indices(std::span<const std::uint32_t> indices, unsigned width, Bytes& out) {
  out.push_back(static_cast<std::byte>(width));
  encode_hybrid(indices, width, out);
}

}  // namespace runlog::format
