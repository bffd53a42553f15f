// IndexTable: finds the number of an entry by its hash. The caller keeps the entries. For
// dictionaries, where a node per entry would cost more than the look-up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace runlog::format {

class IndexTable {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  /// The entry for which `is_equal(index)` holds. When there is none, notes `next_index` (the count
  /// of the entries so far) under `hash` and returns kNone: the caller appends the entry.
  template <typename IsEqual>
  std::uint32_t find_or_note(std::uint64_t hash, std::uint32_t next_index, IsEqual&& is_equal) {
    if (count_ * 2 >= slots_.size()) grow();
    for (std::size_t at = hash & mask();; at = (at + 1) & mask()) {
      Slot& slot = slots_[at];
      if (slot.index == kNone) {
        slot = {hash, next_index};
        ++count_;
        return kNone;
      }
      if (slot.hash == hash && is_equal(slot.index)) return slot.index;
    }
  }

  void clear() {
    if (count_ > 0) slots_.assign(kSlots_min, Slot{});
    count_ = 0;
  }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t index = kNone;
  };
  static constexpr std::size_t kSlots_min = 256;  // a power of two, as is every later size

  [[nodiscard]] std::size_t mask() const noexcept { return slots_.size() - 1; }

  void grow() {
    std::vector<Slot> old(slots_.empty() ? kSlots_min : slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.index == kNone) continue;
      std::size_t at = slot.hash & mask();
      while (slots_[at].index != kNone) at = (at + 1) & mask();
      slots_[at] = slot;
    }
  }

  std::vector<Slot> slots_;
  std::size_t count_ = 0;
};

}  // namespace runlog::format
