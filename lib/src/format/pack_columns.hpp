// The columns of the row group that is being written: they gather values, then turn themselves into
// the bytes of a column chunk, choosing its encoding. Knows pages; knows nothing of records.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "format/index_table.hpp"
#include "format/parquet_footer.hpp"
#include "format/parquet_schema.hpp"

namespace runlog::format {

/// Which rows of an optional column have a value: one byte each, 1 or 0. Parquet calls them
/// definition levels.
using Levels = std::vector<std::uint8_t>;

/// Buffers that one chunk after the other uses, so that they are allocated once.
struct ChunkScratch {
  Bytes page, compressed;
  std::vector<std::uint32_t> indices;
};

/// A column of numbers: INT32, INT64, or DOUBLE as bit patterns.
class NumberColumn {
 public:
  explicit NumberColumn(const Column& column);

  void add(std::int64_t value) {
    values_.push_back(value);
    if (is_optional()) levels_.push_back(1);
  }
  void add_null() { levels_.push_back(0); }
  void clear();

  /// Appends the chunk to `out`, which will be written at `out_offset` of the file.
  ChunkMeta write(std::int64_t out_offset, Bytes& out, ChunkScratch& scratch) const;

 private:
  [[nodiscard]] bool is_optional() const noexcept {
    return column_.repetition == Repetition::optional;
  }

  const Column& column_;
  std::vector<std::int64_t> values_;  // without the nulls
  Levels levels_;
};

/// A column of byte strings. While a dictionary seems to pay, equal values are kept once.
class StringColumn {
 public:
  explicit StringColumn(const Column& column);

  /// Copies `value`. Returns the index of its entry, for add_again.
  std::uint32_t add(std::string_view value);
  /// Adds the value of `entry` once more.
  void add_again(std::uint32_t entry) {
    entry_of_.push_back(entry);
    plain_bytes_ += length_bytes(entry);
    if (is_optional()) levels_.push_back(1);
  }
  void add_null() { levels_.push_back(0); }
  void clear();

  /// What its values would take without a dictionary.
  [[nodiscard]] std::size_t plain_bytes() const noexcept { return plain_bytes_; }

  ChunkMeta write(std::int64_t out_offset, Bytes& out, ChunkScratch& scratch) const;

 private:
  [[nodiscard]] bool is_optional() const noexcept {
    return column_.repetition == Repetition::optional;
  }
  [[nodiscard]] std::string_view entry(std::uint32_t index) const noexcept {
    return std::string_view(bytes_).substr(ends_[index], ends_[index + 1] - ends_[index]);
  }
  [[nodiscard]] std::size_t length_bytes(std::uint32_t entry) const noexcept {
    return sizeof(std::uint32_t) + (ends_[entry + 1] - ends_[entry]);
  }
  [[nodiscard]] bool dictionary_pays() const noexcept;

  const Column& column_;
  bool has_dictionary_;                  // false once it was given up in this row group
  std::string bytes_;                    // of all entries
  std::vector<std::size_t> ends_{0};     // entry i is bytes_[ends_[i], ends_[i + 1])
  std::vector<std::uint32_t> entry_of_;  // per value, nulls left out
  IndexTable table_;
  std::size_t plain_bytes_ = 0;  // of all values when written PLAIN
  Levels levels_;
};

}  // namespace runlog::format
