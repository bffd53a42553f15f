// SeriesTable: names of series to small numbers, one table per journal. Looking a known name up
// takes no lock; a new name takes one. Numbers are dense from 0 and never reused.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/guess_table.hpp"

namespace runlog {

class SeriesTable {
 public:
  static constexpr std::uint32_t kSeries_max = 1'000'000;
  static constexpr std::uint32_t kNo_series = UINT32_MAX;

  SeriesTable();
  ~SeriesTable();
  SeriesTable(const SeriesTable&) = delete;
  SeriesTable& operator=(const SeriesTable&) = delete;

  /// The number of a name that has one. Lock-free, any thread.
  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view name) const noexcept;
  /// The number of `name`, given out now if it is new. Nothing when the table is full or memory is
  /// out. Any thread.
  std::optional<std::uint32_t> find_or_add(std::string_view name) noexcept;

  /// The name of a number given out before, else nothing. Any thread; the view lives as long as the
  /// table.
  [[nodiscard]] std::string_view name(std::uint32_t series) const noexcept {
    if (series >= size()) return {};
    return chunks_[series / kChunk_entries]
        .load(std::memory_order_acquire)[series % kChunk_entries]
        .name;
  }

  [[nodiscard]] std::uint32_t size() const noexcept {
    return size_.load(std::memory_order_acquire);
  }

 private:
  friend class NameCache;
  struct Entry {
    std::uint64_t hash;
    std::string name;
    std::uint32_t number;
  };
  // Open addressing, never more than half full, never shrunk. A grown index replaces its
  // predecessor, which stays allocated: a reader may still be in it. All of them together are at
  // most twice the last.
  struct Index {
    explicit Index(std::size_t capacity);
    std::size_t mask;
    std::vector<std::atomic<const Entry*>> slots;
  };

  [[nodiscard]] const Entry* find_entry(std::string_view name, std::uint64_t hash) const noexcept;
  [[nodiscard]] const Entry* find_entry(std::string_view name) const noexcept;
  static void insert(Index& index, const Entry* entry) noexcept;

  static constexpr std::size_t kChunk_entries = 1024;
  static constexpr std::size_t kChunks = kSeries_max / kChunk_entries + 1;

  // release: pairs with the acquire in find(); entries are immutable once published
  std::atomic<Index*> index_;
  std::atomic<std::uint32_t> size_ = 0;                   // release after the entry is in its chunk
  std::array<std::atomic<Entry*>, kChunks> chunks_ = {};  // written under mutex_
  std::mutex mutex_;
  std::vector<std::unique_ptr<Index>> indexes_;  // guarded by mutex_
};

/// A short cut into a SeriesTable for one thread (not thread-safe): guesses the entry from where
/// the name's bytes are.
class NameCache {
 public:
  /// As SeriesTable::find, but kNo_series where that has nothing: an optional of a small number is
  /// put together in memory, and reading it back at once stalls. Always with the same table.
  [[nodiscard, gnu::always_inline]] std::uint32_t find(const SeriesTable& table,
                                                       const std::string_view& name) noexcept {
    const std::uint32_t number = guess(name);
    return number != SeriesTable::kNo_series ? number : look_up(table, name);
  }
  /// The same, or kNo_series where only a look-up would tell.
  [[nodiscard, gnu::always_inline]] std::uint32_t guess(
      const std::string_view& name) const noexcept {
    const Guess& guess = guesses_.of(name);
    if (guess.bytes != name.size()) [[unlikely]]
      return SeriesTable::kNo_series;
    // Two overlapping words are all of a name of 8 to 16 bytes: most names, without a call of
    // memcmp and without a look at the entry.
    bool is_same = false;
    if (guess.bytes - 8 <= 8) [[likely]] {
      is_same = word_at(name.data()) == guess.first &&
                word_at(name.data() + (guess.bytes - 8)) == guess.last;
    } else {
      is_same = guess.entry->name == name;
    }
    return is_same ? guess.number : SeriesTable::kNo_series;
  }

 private:
  struct Guess {
    std::size_t bytes = SIZE_MAX;  // of the name; none is so long
    std::uint64_t first = 0, last = 0;
    const SeriesTable::Entry* entry = nullptr;  // lives as long as its table
    std::uint32_t number = SeriesTable::kNo_series;
  };

  static std::uint64_t word_at(const char* bytes) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, sizeof word);
    return word;
  }
  [[gnu::noinline]] std::uint32_t look_up(const SeriesTable& table,
                                          const std::string_view& name) noexcept;

  GuessTable<Guess, 6> guesses_ = {};
};

}  // namespace runlog
