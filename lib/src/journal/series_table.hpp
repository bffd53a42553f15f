// SeriesTable: names of series to small numbers, one table per journal. Looking a known name up
// takes no lock; a new name takes one. Numbers are dense from 0 and never reused.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
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

}  // namespace runlog
