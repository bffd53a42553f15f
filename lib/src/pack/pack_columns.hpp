// The columns of the row group that is being written: each collects values, then chooses an
// encoding and writes the bytes of a column chunk. Knows pages; knows nothing of records.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/guess_table.hpp"
#include "pack/index_table.hpp"
#include "pack/pack.hpp"
#include "pack/parquet/parquet_footer.hpp"
#include "pack/parquet/parquet_schema.hpp"

namespace runlog::format {

/// Which rows of an optional column have a value: one byte each, 1 or 0. Parquet calls them
/// definition levels. Most columns are all one or all the other, so the bytes are only made when
/// the first row differs from those before it.
class Levels {
 public:
  void add(bool has_value) {
    const std::uint8_t level = has_value ? 1 : 0;
    if (bytes_.empty() && (rows_ == 0 || level == first_)) [[likely]] {
      first_ = level;
      ++rows_;
      return;
    }
    add_bytes(level);
  }
  void add(bool has_value, std::size_t rows) {
    const std::uint8_t level = has_value ? 1 : 0;
    if (bytes_.empty() && (rows_ == 0 || level == first_)) [[likely]] {
      first_ = level;
      rows_ += rows;
      return;
    }
    for (; rows > 0; --rows) add_bytes(level);
  }
  void clear() noexcept {
    bytes_.clear();
    rows_ = 0;
  }
  [[nodiscard]] bool empty() const noexcept { return rows_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return rows_; }
  [[nodiscard]] bool has_value(std::size_t row) const noexcept {
    return (bytes_.empty() ? first_ : bytes_[row]) != 0;
  }
  /// Rows with a value among `count` from `begin`.
  [[nodiscard]] std::size_t values(std::size_t begin, std::size_t count) const;
  /// The same rows as Parquet's hybrid of runs and packed bits.
  void encode(std::size_t begin, std::size_t count, Bytes& out) const;

 private:
  void add_bytes(std::uint8_t level);
  std::size_t rows_ = 0;
  std::uint8_t first_ = 0;
  std::vector<std::uint8_t> bytes_;  // of all rows, once they differ
};

/// Buffers that one chunk after the other uses, so that they are allocated once.
struct ChunkScratch {
  Bytes page, compressed;
  std::vector<std::uint32_t> indices;
  std::vector<std::int64_t> numbers;
};

/// Values of up to a whole row group's rows. Room for all of them is taken at once: growing by
/// doubling would fault in twice the pages, which is a third of what packing a row costs. What
/// stays unused is never touched, and nothing is set to zero to be overwritten.
template <typename T>
class RowValues {
 public:
  void push_back(T value) noexcept { *extend(1) = value; }
  /// Place for `count` more values, for the caller to set.
  T* extend(std::size_t count) noexcept {
    assert(count <= kRow_group_rows_max - size_);
    T* const begin = values_.get() + size_;
    size_ += count;
    return begin;
  }
  void shorten(std::size_t size) noexcept { size_ = size; }
  void clear() noexcept { size_ = 0; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::span<const T> all() const noexcept { return {values_.get(), size_}; }

 private:
  std::unique_ptr<T[]> values_ = std::make_unique_for_overwrite<T[]>(kRow_group_rows_max);
  std::size_t size_ = 0;
};

/// A column of numbers: INT32, INT64, or DOUBLE as bit patterns.
class NumberColumn {
 public:
  explicit NumberColumn(const Column& column) : column_(column) {}

  void add(std::int64_t value) {
    values_.push_back(value);
    if (is_optional()) levels_.add(true);
  }
  void add_null() { levels_.add(false); }
  void add_nulls(std::size_t rows) { levels_.add(false, rows); }
  /// Adds what `value_of(index)` gives for each index below `count`.
  template <typename ValueOf>
  void add_all(std::size_t count, ValueOf&& value_of) {
    std::int64_t* const target = values_.extend(count);
    for (std::size_t i = 0; i < count; ++i) target[i] = value_of(i);
    if (is_optional()) levels_.add(true, count);
  }
  void clear();

  /// Without the nulls.
  [[nodiscard]] std::span<const std::int64_t> values() const noexcept { return values_.all(); }
  /// True only if each value is at or above the one before it; always false for negative ones. A
  /// third of the cost of looking for the lowest and the highest.
  [[nodiscard]] bool is_rising() const noexcept;

  /// Appends the chunk to `out`, which will be written at `out_offset` of the file.
  ChunkMeta write(std::int64_t out_offset, Bytes& out, ChunkScratch& scratch) const;

 private:
  [[nodiscard]] bool is_optional() const noexcept {
    return column_.repetition == Repetition::optional;
  }

  const Column& column_;
  RowValues<std::int64_t> values_;  // without the nulls
  Levels levels_;
};

/// A column of numbers, without nulls, that are known before they come: each is by `difference`
/// more than the one before it, until it is not. Holds only where.
class RunColumn {
 public:
  RunColumn(const Column& column, std::int64_t difference)
      : column_(column), difference_(difference) {}

  void add(std::int64_t value) { add(value, 1); }
  /// `count` values, of which `first` is the first.
  void add(std::int64_t first, std::size_t count) {
    if (runs_.empty() || first != next_) runs_.push_back({.first = first, .begin = rows_});
    rows_ += count;
    // Unsigned, because sequence numbers of a forged segment may lie at the end of all numbers.
    next_ = static_cast<std::int64_t>(static_cast<std::uint64_t>(first) +
                                      static_cast<std::uint64_t>(difference_) * count);
  }
  void clear() {
    runs_.clear();
    rows_ = 0;
  }
  ChunkMeta write(std::int64_t out_offset, Bytes& out, ChunkScratch& scratch) const;

 private:
  struct Run {
    std::int64_t first = 0;
    std::size_t begin = 0;  // row
  };
  [[nodiscard]] std::int64_t value(const Run& run, std::size_t row) const noexcept {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(run.first) +
                                     static_cast<std::uint64_t>(difference_) * (row - run.begin));
  }

  [[nodiscard]] std::size_t end_of(std::size_t run) const noexcept {
    return run + 1 < runs_.size() ? runs_[run + 1].begin : rows_;
  }

  const Column& column_;
  std::int64_t difference_;
  std::vector<Run> runs_;
  std::size_t rows_ = 0;
  std::int64_t next_ = 0;
};

/// A column of byte strings. While a dictionary seems to pay, equal values are kept once.
class StringColumn {
 public:
  explicit StringColumn(const Column& column)
      : column_(column), has_dictionary_(column.has_dictionary) {}

  /// Copies `value`. Returns the index of its entry, for add_again.
  std::uint32_t add(const std::string_view& value) {
    if (has_dictionary_) [[likely]] {
      const std::uint32_t guess = guesses_.of(value);
      if (guess < ends_.size() - 1 && entry(guess) == value) [[likely]] {
        add_again(guess);
        return guess;
      }
    }
    return add_and_note(value);
  }
  /// Adds the value of `entry` once more.
  void add_again(std::uint32_t entry) {
    entry_of_.push_back(entry);
    plain_bytes_ += length_bytes(entry);
    if (is_optional()) levels_.add(true);
  }
  void add_again(std::uint32_t entry, std::size_t rows) {
    std::fill_n(entry_of_.extend(rows), rows, entry);
    plain_bytes_ += rows * length_bytes(entry);
    if (is_optional()) levels_.add(true, rows);
  }
  void add_null() { levels_.add(false); }
  void add_nulls(std::size_t rows) { levels_.add(false, rows); }
  /// Adds the names of `metrics` up to the one with which plain_bytes() reaches `plain_bytes_max`;
  /// returns how many. `entries` has those that came before in this row group.
  std::size_t add_names(const MetricRun& metrics, std::span<const std::string_view> names,
                        std::vector<SeriesEntries::Entry>& entries, std::size_t plain_bytes_max);
  void clear();

  /// The entry of each value, nulls left out, and what the entries are.
  [[nodiscard]] std::span<const std::uint32_t> entries() const noexcept { return entry_of_.all(); }
  [[nodiscard]] std::size_t entry_count() const noexcept { return ends_.size() - 1; }
  [[nodiscard]] std::string_view entry(std::uint32_t index) const noexcept {
    return std::string_view(bytes_).substr(ends_[index], ends_[index + 1] - ends_[index]);
  }

  /// What its values would take without a dictionary.
  [[nodiscard]] std::size_t plain_bytes() const noexcept { return plain_bytes_; }

  ChunkMeta write(std::int64_t out_offset, Bytes& out, ChunkScratch& scratch) const;

 private:
  [[nodiscard]] bool is_optional() const noexcept {
    return column_.repetition == Repetition::optional;
  }
  std::uint32_t add_and_note(std::string_view value);
  std::uint32_t find_or_append(std::string_view value);
  [[nodiscard]] std::size_t length_bytes(std::uint32_t entry) const noexcept {
    return sizeof(std::uint32_t) + (ends_[entry + 1] - ends_[entry]);
  }
  [[nodiscard]] bool dictionary_pays() const noexcept;

  const Column& column_;
  bool has_dictionary_;                // false once it was given up in this row group
  std::string bytes_;                  // of all entries
  std::vector<std::size_t> ends_{0};   // entry i is bytes_[ends_[i], ends_[i + 1])
  RowValues<std::uint32_t> entry_of_;  // per value, nulls left out
  IndexTable table_;
  GuessTable<std::uint32_t, 8> guesses_ = {};  // of entries
  std::size_t plain_bytes_ = 0;                // of all values when written PLAIN
  Levels levels_;
};

}  // namespace runlog::format
