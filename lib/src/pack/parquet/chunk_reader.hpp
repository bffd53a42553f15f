// Decodes one column chunk of a pack: pages, levels, dictionary, values. Everything in the file is
// untrusted; what a chunk may allocate is bounded by its rows and by a budget.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "pack/parquet/pack_bytes.hpp"
#include "pack/parquet/parquet_footer.hpp"
#include "pack/parquet/parquet_schema.hpp"
#include "runlog/result.hpp"

namespace runlog::format {

/// Of a page, decompressed: a hostile file must not exhaust memory.
inline constexpr std::size_t kPage_bytes_max = 64u << 20;
/// Of a page as it is stored: what LZ4 makes of the largest at worst.
inline constexpr std::size_t kStored_page_bytes_max = kPage_bytes_max + kPage_bytes_max / 255 + 16;
/// Of the header of a page; those that packs have take a few dozen.
inline constexpr std::size_t kPage_header_bytes_max = 4096;

/// The values of a chunk, one slot per row; a null's slot is 0 or empty. A column fills either
/// `numbers` (doubles as bit patterns) or `strings`, whose views point into `pages`.
struct DecodedColumn {
  std::vector<std::int64_t> numbers = {};
  std::vector<std::string_view> strings = {};
  std::vector<std::uint8_t> levels = {};  ///< 1 where there is a value; empty: everywhere
  std::vector<Bytes> pages = {};

  [[nodiscard]] bool has_value(std::size_t row) const noexcept {
    return levels.empty() || levels[row] != 0;
  }
  void clear() noexcept;
};

/// Decodes `chunk`, which lies within `file` and must be of the type of `column` and have `rows`
/// values. What it decompresses is taken from `budget_bytes`. Errors: Errc::corrupt,
/// Errc::unsupported; the message names the column and where in the file.
Result<void> decode_chunk(PackBytes& file, const ChunkMeta& chunk, const Column& column,
                          std::size_t rows, std::size_t& budget_bytes, DecodedColumn& decoded);

/// Whether the pages of `chunk`, which lies within `file`, are as their checksums say. Errors: as
/// decode_chunk.
Result<void> check_chunk(PackBytes& file, const ChunkMeta& chunk);

}  // namespace runlog::format
