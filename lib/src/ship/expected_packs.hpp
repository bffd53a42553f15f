// ExpectedPacks: the packs of a live job on their way to its store, by number: those that are not
// to be sent yet, the one that is being sent, those that may have arrived although it failed, and
// those that must arrive, be removed by the job, or be told as lost. Asks no store. Any thread may
// call all of it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "journal/journal_dir.hpp"
#include "platform/file_system.hpp"

namespace runlog {

class ExpectedPacks {
 public:
  /// A journal's directory may be made anew under the job, see journal/journal_home.
  struct Home {
    std::function<std::size_t()> times_revived = [] { return std::size_t{0}; };
    std::function<bool(std::size_t)> was_removed = [](std::size_t) { return false; };
  };

  explicit ExpectedPacks(JournalDir directory) : ExpectedPacks(std::move(directory), Home{}) {}
  ExpectedPacks(JournalDir directory, Home home)
      : directory_(std::move(directory)), home_(std::move(home)) {}

  /// One at a time: from before it appears in packs/ until its segments have left lanes/.
  void hold_back(std::uint32_t pack) noexcept { held_back_ = pack; }
  void hold_nothing_back() noexcept { held_back_ = kNo_pack; }
  [[nodiscard]] bool is_held_back(std::uint32_t pack) const noexcept { return held_back_ == pack; }

  /// It is in packs/. Without memory nobody misses it while the job lives.
  void expect(std::uint32_t pack, std::uint64_t records) noexcept;
  /// It is being sent from now on; nothing: none is.
  void sends(std::optional<std::uint32_t> pack);
  /// The store has it.
  void arrived(std::uint32_t pack);
  /// It was sent, and whether it has arrived is not known: until it has, it is not removed.
  void doubt(std::uint32_t pack);

  /// Does `work`, which removes that pack, unless it is held back, being sent or in doubt. Nothing
  /// is sent meanwhile.
  template <typename Work>
  void unless_busy_with(std::uint32_t pack, Work&& work) {
    const std::lock_guard lock(mutex_);
    if (held_back_ == pack || sending_ == pack || in_doubt_.contains(pack)) return;
    work();
    if (is_absent(directory_.pack(pack))) expected_.erase(pack);
  }

  struct Missing {
    std::uint32_t pack = 0;
    std::uint64_t records = 0;
  };
  /// Those that are not in packs/ any more, also because all of the journal was removed. What was
  /// moved away with its folder is another journal's, and not expected from then on.
  [[nodiscard]] std::vector<Missing> missing();

 private:
  struct Expected {
    std::uint64_t records = 0;
    std::uint64_t device = 0, inode = 0;  // of its folder: a journal may be moved under the job
    std::size_t home = 0;                 // times_revived()
  };
  static constexpr std::int64_t kNo_pack = -1;
  const JournalDir directory_;
  const Home home_;
  // What the uploader lists was held back before it appeared: it sees that, or a later state.
  std::atomic<std::int64_t> held_back_ = kNo_pack;
  std::mutex mutex_;
  std::int64_t sending_ = kNo_pack;             // guarded by mutex_
  std::set<std::uint32_t> in_doubt_;            // guarded by mutex_
  std::map<std::uint32_t, Expected> expected_;  // guarded by mutex_
};

}  // namespace runlog
