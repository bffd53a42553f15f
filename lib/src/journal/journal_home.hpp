// JournalHome: the directory of a journal and this process's right to it: made hidden and locked,
// looked after while others may remove or move it under the job, and given up at the end. Also the
// crash file in it, where the tally of drops lies. Knows nothing of lanes.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include "journal/drops.hpp"
#include "journal/journal_dir.hpp"
#include "journal/meta.hpp"
#include "platform/clock.hpp"
#include "platform/crash_mark.hpp"
#include "platform/fault_guard.hpp"
#include "platform/file_lock.hpp"
#include "platform/mapped_file.hpp"
#include "platform/process.hpp"
#include "runlog/result.hpp"

namespace runlog {

class JournalHome {
 public:
  struct Settings {
    JournalDir directory = {};
    Meta meta = {};
    ProcessIdentity process = {};
    bool crash_marker = true;
    bool guard_sigbus = true;
    Rights rights = Rights::own;  ///< of the directories that are made
    std::function<void(const Error&)> report = {};
  };
  /// `tally` is moved into each crash file that is made; `show_counts` then writes all counts
  /// there.
  JournalHome(Settings settings, ShownTally& tally, std::function<void()> show_counts);
  JournalHome(const JournalHome&) = delete;
  JournalHome& operator=(const JournalHome&) = delete;

  /// The clock that the records will have, for meta.json. Before make().
  void note_clock(const Clock& clock) noexcept {
    settings_.meta.uses_tsc = clock.uses_tsc();
    settings_.meta.ticks_per_second = clock.ticks_per_second();
  }
  /// Creates the directory, takes LOCK, writes meta.json. Once. Errors: already there, io,
  /// no_space; invalid_argument: the run's directory is another user's.
  Result<void> make();
  /// Undoes make(), for a start that fails later: before any append.
  void discard() noexcept;

  [[nodiscard]] const JournalDir& directory() const noexcept { return settings_.directory; }
  [[nodiscard]] const Meta& meta() const noexcept { return settings_.meta; }

  /// The directory, made anew if somebody has removed or moved it under the job: with LOCK held and
  /// meta.json, so that nobody takes it for a dead one. A lock that the job has closed is taken
  /// anew. What was moved stays locked until the end, and is then another journal, with what was
  /// logged before. Some system calls where all is well. Any thread.
  Result<void> revive();
  /// directory(), after revive(): for whoever is about to put a file there.
  [[nodiscard]] const JournalDir& living_directory() {
    (void)revive();  // what cannot be made fails again, and is told, when the file is written
    return settings_.directory;
  }
  /// Whether `segment`, which is not where it was made, is now in a directory that was moved. Any
  /// thread.
  [[nodiscard]] bool has_moved(const MappedFile& segment);
  /// How often it was made anew by now. Any thread.
  [[nodiscard]] std::size_t times_revived() const;
  /// Whether what was made when `times_revived` was this has been removed, not moved. Any thread.
  [[nodiscard]] bool was_removed(std::size_t times_revived) const;
  /// Makes the tally of drops survive a power loss, if it has changed since it was last called.
  void sync_tally() noexcept;
  /// Gives LOCK up. Appends after this are a programming error.
  void unlock() noexcept;

 private:
  [[nodiscard]] JournalDir hidden_directory() const;
  [[nodiscard]] Result<void> check_whose_run(const JournalDir& made) const;
  Result<void> make_directory();
  Result<void> say_whose(const JournalDir& directory);
  Result<void> claim();
  void end_moved();

  struct CrashFile {
    MappedFile file = {};
    WatchedRange watched = {};
  };
  struct MovedJournal {
    FileLock lock;
    bool is_ended = false;  // it has the end.json that says where the run goes on
  };

  Settings settings_;
  ShownTally& tally_;
  const std::function<void()> show_counts_;

  mutable std::mutex mutex_;  // taken when the directory is made, looked after and given up
  // Guarded by mutex_, all below.
  bool is_given_up_ = false;
  FileLock lock_;
  std::vector<MovedJournal> moved_;    // directories that were moved
  std::vector<bool> was_removed_;      // at each revival: the one before was, and not moved
  std::deque<CrashFile> crash_files_;  // the last is in use; a thread may be at those before
  CrashMarker crash_marker_;
};

}  // namespace runlog
