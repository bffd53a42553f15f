// The constants of the Parquet format that we use, under the numbers parquet.thrift gives them, and
// the table of a pack's columns. docs/format.md, "Packs", says the same in words: change both.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace runlog::format {

using Bytes = std::vector<std::byte>;

enum class PhysicalType : std::int32_t { int32 = 1, int64 = 2, real64 = 5, byte_array = 6 };
enum class Repetition : std::int32_t { required = 0, optional = 1 };
enum class Codec : std::int32_t { lz4_raw = 7 };
enum class PageType : std::int32_t { data = 0, dictionary = 2 };
enum class Encoding : std::int32_t {
  plain = 0,
  rle = 3,  ///< of the definition levels
  delta_binary_packed = 5,
  rle_dictionary = 8,
  byte_stream_split = 9,
};

/// What a column's bytes mean: Parquet's logical type.
enum class Annotation : std::uint8_t { none, string, timestamp_utc_ns };

struct Column {
  std::string_view name;
  PhysicalType type;
  Repetition repetition;
  Annotation annotation = Annotation::none;
  bool has_bounds = false;      ///< min and max are written, so that engines can skip row groups
  bool has_dictionary = false;  ///< a byte_array column that tries a dictionary
};

inline constexpr std::array<Column, 10> kColumns = {{
    {"seq", PhysicalType::int64, Repetition::required, Annotation::none, true},
    {"lane", PhysicalType::int32, Repetition::required, Annotation::none, true},
    {"time", PhysicalType::int64, Repetition::required, Annotation::timestamp_utc_ns, true},
    {"kind", PhysicalType::byte_array, Repetition::required, Annotation::string, true, true},
    {"name", PhysicalType::byte_array, Repetition::required, Annotation::string, true, true},
    {"step", PhysicalType::int64, Repetition::optional, Annotation::none, true},
    // No bounds: Parquet has no order for NaN, and training diverges.
    {"value", PhysicalType::real64, Repetition::optional},
    {"int_value", PhysicalType::int64, Repetition::optional},
    {"text", PhysicalType::byte_array, Repetition::optional, Annotation::string, false, true},
    {"payload", PhysicalType::byte_array, Repetition::optional},
}};

enum ColumnIndex : std::size_t {
  kSeq,
  kLane,
  kTime,
  kKind,
  kName,
  kStep,
  kValue,
  kInt_value,
  kText,
  kPayload,
};

inline constexpr std::string_view kParquet_magic = "PAR1";
inline constexpr std::string_view kSchema_name = "runlog";

/// A page holds at most this many rows and, but for a single larger value, this many bytes. Pages
/// of a whole row group would be 1 % smaller.
inline constexpr std::size_t kPage_rows_max = 20000;
inline constexpr std::size_t kPage_bytes_target = 1u << 20;
/// A larger dictionary is given up: the column is written PLAIN.
inline constexpr std::size_t kDictionary_bytes_max = 1u << 20;
/// Longer minima and maxima are left out.
inline constexpr std::size_t kBound_bytes_max = 64;
/// One name, text or payload; leaves room for its page below kPage_bytes_max.
inline constexpr std::size_t kCell_bytes_max = 32u << 20;
/// What the pages of one row group may decompress to. A writer stays below half of it: at most
/// kRow_group_bytes_max, one more record with three cells of kCell_bytes_max, and the numbers.
inline constexpr std::size_t kRow_group_decoded_bytes_max = 256u << 20;

}  // namespace runlog::format
