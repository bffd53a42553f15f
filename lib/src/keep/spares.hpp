// Spares: prepared segments ahead of the writers, and the room for them within the disk budget:
// what goes when it is used up. Whoever uses it has the keeper's Turn (keep/turns.hpp).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "journal/journal.hpp"
#include "keep/turns.hpp"
#include "runlog/policy.hpp"

namespace runlog {

struct PackOutcome;

class Spares {
 public:
  using Clock = Turns::Clock;
  struct Settings {
    Overflow overflow = Overflow::drop_newest_counted;
    /// Does `work`, which removes the pack of that number, unless the store may have it: see
    /// Shipper::unless_busy_with().
    std::function<void(std::uint32_t pack, const std::function<void()>& work)> unless_shipping = {};
    /// Told of failures. Throws nothing.
    std::function<void(const Error&)> report = [](const Error&) {};
  };
  Spares(Journal& journal, Settings settings);

  /// Prepares what is missing, until the work is given up. After an attempt that found no room it
  /// waits half a second before the next one.
  void prepare(Turn& turn);
  /// The same without that wait: there may be room now.
  void prepare_in_new_room(Turn& turn);
  /// Where segments have lost their files, spares have too.
  void replace(Turn& turn);
  /// Removes them, because a pack needs their room more; true: there were some.
  bool give_way_to_pack() noexcept;

  /// The last attempt to prepare a spare found no room; the next one is made at retry_at().
  [[nodiscard]] bool is_short_of_room() const noexcept { return is_short_of_room_; }
  [[nodiscard]] Clock::time_point retry_at() const noexcept { return retry_at_; }

  /// A pack was made, and may have to make room before the store has it.
  void note_pack(const PackOutcome& pack);
  /// Calls whose records went with such a pack. Any thread.
  [[nodiscard]] std::uint64_t evicted_calls() const noexcept {
    return evicted_calls_.load(std::memory_order_relaxed);
  }

 private:
  void found_no_room() noexcept;
  bool make_room();
  bool evict_oldest_pack();

  struct PackCounts {
    std::uint64_t calls = 0;
    std::uint64_t dropped = 0;  // calls that its gap records tell of
    std::uint64_t records = 0;  // in its segments
  };

  Journal& journal_;
  const Settings settings_;
  std::atomic<std::uint64_t> evicted_calls_ = 0;

  // Guarded by the Turn, all below.
  std::uint64_t late_seen_ = 0;
  Clock::time_point retry_at_ = {};
  bool is_short_of_room_ = false;
  std::map<std::uint32_t, PackCounts> packs_;  // that may have to make room, by number
};

}  // namespace runlog
