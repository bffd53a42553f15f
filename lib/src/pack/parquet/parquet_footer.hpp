// The description at the end of a Parquet file, the footer (FileMetaData), as structs and as bytes.
// Knows Parquet's field numbers; knows nothing of what the columns mean.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pack/parquet/parquet_schema.hpp"
#include "runlog/result.hpp"

namespace runlog::format {

/// One column of one row group. Offsets are from the start of the file; sizes count page headers.
struct ChunkMeta {
  PhysicalType type = PhysicalType::int64;
  std::vector<Encoding> encodings = {};  ///< of pages and levels
  std::string name = {};
  Codec codec = Codec::lz4_raw;
  std::int64_t values = 0;  ///< nulls included
  std::int64_t uncompressed_bytes = 0;
  std::int64_t compressed_bytes = 0;
  std::int64_t data_page_offset = 0;
  std::optional<std::int64_t> dictionary_page_offset = {};
  std::int64_t null_count = 0;
  std::optional<std::string> value_min = {}, value_max = {};  ///< as PLAIN bytes, no length
  std::int32_t data_pages = 0;                                ///< written, not read

  /// Where its first page is.
  [[nodiscard]] std::int64_t offset() const noexcept {
    return dictionary_page_offset.value_or(data_page_offset);
  }
};

struct RowGroupMeta {
  std::vector<ChunkMeta> chunks = {};
  std::int64_t uncompressed_bytes = 0;
  std::int64_t rows = 0;
};

struct KeyValue {
  std::string key, value;
};

/// A leaf of the schema as found in a file. The numbers are as in the file: they may be none of
/// ours.
struct SchemaLeaf {
  std::string name = {};
  std::int32_t type = -1;
  std::int32_t repetition = -1;
  Annotation annotation = Annotation::none;  ///< none also for one we do not know
  std::int32_t children = 0;                 ///< not 0: not a leaf, so not a pack
};

struct Footer {
  std::vector<SchemaLeaf> schema = {};  ///< read only: what is written is always kColumns
  std::int64_t rows = 0;
  std::vector<RowGroupMeta> row_groups = {};
  std::vector<KeyValue> key_values = {};
  bool has_checksum = false;  ///< read only: it was there, and it matched
};

/// The footer's bytes, without length and magic. A last key-value is added: the CRC-32 of the
/// footer up to that value. Why: Parquet checks its pages but not its footer, and one flipped bit
/// there can move a row group in time or turn one column into another.
[[nodiscard]] Bytes encode_footer(const Footer& footer);

/// Errors: Errc::corrupt for bytes that are no FileMetaData or fail their checksum,
/// Errc::unsupported where that is sound but no pack has it. Footers without our checksum pass: see
/// has_checksum. Every element was at least as long in `bytes` as a
/// constant fraction of what it takes in memory.
[[nodiscard]] Result<Footer> decode_footer(std::span<const std::byte> bytes);

}  // namespace runlog::format
