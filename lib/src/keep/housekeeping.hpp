// Housekeeping: all that is done with segments behind their writers. Takes those that lanes have
// opened, closes those that are due, packs what is closed, removes what is in a pack, and sees to
// spares. One round of it is everything that is due or asked for.
//
// It has no thread and no lock. Whoever works has the keeper's Turn (keep/turns.hpp), which guards
// everything here but the counts; when to work, and who, is the keeper's (keep/keeper.hpp). Syncs
// are the syncer's, whose rounds wait for the device beside these (keep/syncer.hpp). Of shipping it
// knows only which pack must not be sent yet, or may not be removed any more.
//
// A round that is given up, or breaks off by an exception because there is no memory, leaves
// everything due that was: an unfinished pack has no name yet, all else continues where it stopped.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "journal/journal.hpp"
#include "keep/spares.hpp"
#include "keep/syncer.hpp"
#include "keep/turns.hpp"
#include "runlog/policy.hpp"

namespace runlog {

struct PackOutcome;

class Housekeeping {
 public:
  using Clock = Turns::Clock;
  /// What it asks of whoever ships packs: see Shipper, whose functions these are.
  struct Shipping {
    std::function<void(std::uint32_t pack)> hold_back = [](std::uint32_t) {};
    std::function<void()> hold_nothing_back = [] {};
    std::function<void(std::uint32_t pack, std::uint64_t records)> expect = [](std::uint32_t,
                                                                               std::uint64_t) {};
    std::function<void(std::uint32_t pack, const std::function<void()>& work)> unless_busy_with =
        [](std::uint32_t, const std::function<void()>& work) { work(); };
  };
  struct Settings {
    std::uint64_t pack_bytes = 16u << 20;
    Overflow overflow = Overflow::drop_newest_counted;
    Shipping shipping = {};
    /// Told of failures. Throws nothing.
    std::function<void(const Error&)> report = [](const Error&) {};
  };

  /// Journal and syncer outlive it. Sets a file aside for the first pack, before a writer takes the
  /// last inode.
  Housekeeping(Journal& journal, Syncer& syncer, Settings settings);
  ~Housekeeping();
  Housekeeping(const Housekeeping&) = delete;
  Housekeeping& operator=(const Housekeeping&) = delete;

  struct Wish {
    bool everything = false;  ///< what has records is closed and packed, however little it is
    bool end = false;         ///< also what has none, and nothing new is made: nobody appends now
  };
  struct Outcome {
    bool is_packed = false;      ///< nothing is left that should have been packed
    bool is_put_off = false;     ///< nor did anything fail: a segment of a pack is being synced
    bool is_empty = false;       ///< and no segment is open
    bool has_new_packs = false;  ///< since the last round that came to its end
  };
  /// Nothing: the work was given up. Throws std::bad_alloc where there is no memory.
  std::optional<Outcome> round(Turn& turn, Wish wish);
  /// When there is something to do though nobody asks for it.
  [[nodiscard]] Clock::time_point due(Turn& turn, Clock::time_point now) const noexcept;
  /// The journal's end: what was set aside for later goes.
  void discard_reserves(Turn& turn) noexcept;

  struct Counts {
    std::uint64_t segments_sealed = 0;
    std::uint64_t packs_made = 0;
    std::uint64_t records_lost = 0;
    std::uint64_t evicted_calls = 0;
  };
  /// So far. Any thread.
  [[nodiscard]] Counts counts() const noexcept;

 private:
  void collect_opened();
  void close_all(bool even_empty);
  void take_closed();
  void wait_for_writers(Turn& turn);
  bool pack_closed(Turn& turn, bool everything);
  struct Batch {
    std::size_t count = 0;    // of closed_, from the front
    std::uint64_t bytes = 0;  // of their records
  };
  [[nodiscard]] Batch next_pack() const noexcept;
  Result<void> pack_some(Turn& turn, std::size_t count);
  bool pack_without_room(Turn& turn, Batch batch);
  void note_pack(const PackOutcome& packed, std::size_t count);
  void end_starving() noexcept;
  bool part_with_moved();
  bool remove_packed(Turn& turn);
  bool remove_first_packed();
  bool sync_removal();
  bool become_reserve(const OpenSegment& segment);

  Journal& journal_;
  Syncer& syncer_;
  const Settings settings_;
  // Added to by who has the Turn, read by any thread.
  std::atomic<std::uint64_t> segments_sealed_ = 0;
  std::atomic<std::uint64_t> packs_made_ = 0;
  std::atomic<std::uint64_t> records_lost_ = 0;

  // Guarded by the Turn, all below.
  Spares spares_;
  OpenSegment* opened_ = nullptr;     // a reference each: a list of those not yet in open_
  std::vector<OpenSegment*> open_;    // a reference each; lanes append to them
  std::vector<OpenSegment*> closed_;  // a reference each; ours alone; has room for all of open_
  std::size_t packed_ = 0;            // so many of closed_ from the front are in a pack already
  bool is_removal_unsynced_ = false;  // of those that were
  bool is_put_off_ = false;           // the last removal: that segment is being synced
  bool is_pack_unsynced_ = false;     // the name of that pack
  int removal_syncs_failed_ = 0;      // in a row
  bool has_pack_reserve_ = false;     // see reserve_pack()
  std::uint64_t packs_seen_ = 0;      // at the end of the last round
  Clock::time_point pack_retry_at_ = {};
  Clock::time_point pack_starves_since_ = {};  // there has been no room for one; or never
};

}  // namespace runlog
