#include "journal/series_table.hpp"

#include <new>

#include "base/bytes.hpp"

namespace runlog {
namespace {

// wyhash-like mixing of 8 bytes at a time: names are short and not hostile to the process that made
// them, so speed decides.
std::uint64_t hash_of(std::string_view name) noexcept {
  __extension__ using Wide = unsigned __int128;
  const auto mix = [](std::uint64_t a, std::uint64_t b) {
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  };
  std::uint64_t state = 0x9E3779B97F4A7C15u ^ name.size();
  while (name.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, name.data(), 8);
    state = mix(state ^ word, 0xD6E8FEB86659FD93u);
    name.remove_prefix(8);
  }
  std::uint64_t tail = 0;
  std::memcpy(&tail, name.data(), name.size());
  return mix(state ^ tail, 0xA0761D6478BD642Fu);
}

}  // namespace

SeriesTable::Index::Index(std::size_t capacity) : mask(capacity - 1), slots(capacity) {}

SeriesTable::SeriesTable() {
  indexes_.push_back(std::make_unique<Index>(256));
  index_.store(indexes_.back().get(), std::memory_order_release);
}

SeriesTable::~SeriesTable() {
  for (auto& chunk : chunks_) delete[] chunk.load(std::memory_order_relaxed);
}

const SeriesTable::Entry* SeriesTable::find_entry(std::string_view name,
                                                  std::uint64_t hash) const noexcept {
  const Index& index = *index_.load(std::memory_order_acquire);
  for (std::size_t at = hash & index.mask;; at = (at + 1) & index.mask) {
    const Entry* const entry = index.slots[at].load(std::memory_order_acquire);
    if (entry == nullptr) return nullptr;
    if (entry->hash == hash && entry->name == name) return entry;
  }
}

const SeriesTable::Entry* SeriesTable::find_entry(std::string_view name) const noexcept {
  return find_entry(name, hash_of(name));
}

void SeriesTable::insert(Index& index, const Entry* entry) noexcept {
  std::size_t at = entry->hash & index.mask;
  while (index.slots[at].load(std::memory_order_relaxed) != nullptr) at = (at + 1) & index.mask;
  index.slots[at].store(entry, std::memory_order_release);
}

std::optional<std::uint32_t> SeriesTable::find(std::string_view name) const noexcept {
  const Entry* const known = find_entry(name);
  if (known == nullptr) return {};
  return known->number;
}

std::optional<std::uint32_t> SeriesTable::find_or_add(std::string_view name) noexcept {
  const std::uint64_t hash = hash_of(name);
  if (const Entry* const known = find_entry(name, hash)) [[likely]]
    return known->number;
  try {
    const std::lock_guard lock(mutex_);
    if (const Entry* const known = find_entry(name, hash)) return known->number;
    const std::uint32_t number = size_.load(std::memory_order_relaxed);
    if (number >= kSeries_max) return {};
    auto& chunk = chunks_[number / kChunk_entries];
    if (chunk.load(std::memory_order_relaxed) == nullptr) {
      chunk.store(new Entry[kChunk_entries], std::memory_order_release);
    }
    Entry* const entry = chunk.load(std::memory_order_relaxed) + number % kChunk_entries;
    *entry = Entry{hash, std::string(name), number};
    Index* index = index_.load(std::memory_order_relaxed);
    if ((std::size_t{number} + 1) * 2 > index->slots.size()) {
      auto grown = std::make_unique<Index>(index->slots.size() * 2);
      for (const auto& slot : index->slots) {
        if (const Entry* const old = slot.load(std::memory_order_relaxed)) insert(*grown, old);
      }
      indexes_.push_back(std::move(grown));
      index = indexes_.back().get();
      index_.store(index, std::memory_order_release);
    }
    // Before the entry can be found: whoever finds the number may ask for its name at once. Behind
    // all that may fail: a number that is taken can be found.
    size_.store(number + 1, std::memory_order_release);
    insert(*index, entry);
    return number;
  } catch (const std::bad_alloc&) {
    return {};
  }
}

std::uint32_t NameCache::look_up(const SeriesTable& table, const std::string_view& name) noexcept {
  const SeriesTable::Entry* const found = table.find_entry(name);
  if (found == nullptr) return SeriesTable::kNo_series;
  Guess& guess = guesses_.of(name);
  guess = {.bytes = name.size(), .entry = found, .number = found->number};
  if (name.size() >= sizeof guess.first) {
    guess.first = word_at(name.data());
    guess.last = word_at(name.data() + name.size() - sizeof(std::uint64_t));
  }
  return found->number;
}

}  // namespace runlog
