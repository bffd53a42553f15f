#include "journal/journal_home.hpp"

#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

#include "platform/clock.hpp"
#include "platform/crash_layout.hpp"
#include "platform/crash_point.hpp"
#include "platform/file_system.hpp"

namespace runlog {

JournalHome::JournalHome(Settings settings, ShownTally& tally, std::function<void()> show_counts)
    : settings_(std::move(settings)), tally_(tally), show_counts_(std::move(show_counts)) {}

Result<void> JournalHome::make() {
  const std::lock_guard lock(mutex_);
  if (auto made = make_directory(); !made) return made;
  return claim();
}

void JournalHome::discard() noexcept {
  try {
    const std::lock_guard lock(mutex_);
    is_given_up_ = true;
    // Hidden first: half removed it would look like that of a dead process.
    const std::filesystem::path hidden = hidden_directory().path();
    (void)rename_file(settings_.directory.path(), hidden, true);
    crash_point("in_discard");
    std::error_code left;
    std::filesystem::remove_all(hidden, left);
    lock_.release();
  } catch (const std::bad_alloc&) {
    // What is left looks like what a killed start leaves.
  }
}

JournalDir JournalHome::hidden_directory() const {
  const std::filesystem::path& path = settings_.directory.path();
  return JournalDir(path.parent_path() / ("." + path.filename().native() + ".new"));
}

// Another user may have put a directory, or a link, in the place of the run's before the job has
// come to it. Whose ours is, the file system says by the one that was just made. The superuser's is
// good.
Result<void> JournalHome::check_whose_run(const JournalDir& made) const {
  const std::filesystem::path run = made.path().parent_path();
  const auto ours = stat_file(made.path());
  if (!ours) return ours.error();
  for (const auto& there : {stat_name(run), stat_file(run)}) {
    if (!there) return there.error();
    if (there->owner == ours->owner || there->owner == 0) continue;
    std::error_code left;
    std::filesystem::remove_all(made.path(), left);
    return Error{Errc::invalid_argument, 0,
                 run.native() + " belongs to another user (uid " + std::to_string(there->owner) +
                     "), who could read or exchange the journal; choose another run_id or root"};
  }
  return {};
}

// Made under a hidden name, locked, then renamed: nobody who looks for dead journals ever sees one
// of a living process without its lock held, nor one that does not say where its records go. The
// lock is the inode's and survives the rename.
Result<void> JournalHome::make_directory() {
  const JournalDir& directory = settings_.directory;
  const JournalDir hidden = hidden_directory();
  if (auto made = hidden.create(settings_.rights); !made) return made;
  if (auto checked = check_whose_run(hidden); !checked) return checked;
  auto lock = FileLock::acquire(hidden.lock());
  if (!lock) return std::move(lock).error();
  lock_ = std::move(*lock);
  if (auto said = say_whose(hidden); !said) return said;
  crash_point("before_journal_rename");
  if (auto shown = rename_file(hidden.path(), directory.path(), true); !shown) return shown;
  crash_point("after_journal_rename");
  // What is Durable in the journal is so only if the names that lead to it are.
  const std::filesystem::path run = directory.path().parent_path();
  for (const auto& parent : {run, run.parent_path()}) {
    if (auto synced = sync_directory(parent); !synced && settings_.report) {
      settings_.report(synced.error());
    }
  }
  return {};
}

Result<void> JournalHome::say_whose(const JournalDir& directory) {
  if (auto written = lock_.write_identity(settings_.process); !written) return written;
  return write_file_durably(directory.meta(), to_json(settings_.meta));
}

// The directory is there, locked, and says whose it is.
Result<void> JournalHome::claim() {
  const JournalDir& directory = settings_.directory;
  if (auto removed = remove_file(directory.crash()); !removed) return removed;
  auto file = MappedFile::create(directory.crash(), crash::kFile_bytes);
  if (!file) return std::move(file).error();
  const std::span<std::byte> bytes = file->bytes();
  if (settings_.crash_marker) crash_marker_ = CrashMarker(bytes);
  crash_files_.push_back({.file = std::move(*file)});
  if (settings_.guard_sigbus) crash_files_.back().watched = WatchedRange(bytes, nullptr, 0);
  const bool is_shared =
      crash_files_.back().file.share_with_children(crash::kTally_at, crash::kFile_bytes);
  crash::Tally* const before = tally_.move_to(bytes.data(), is_shared);
  show_counts_();
  if (before != nullptr) ShownTally::leave(*before);
  return {};
}

Result<void> JournalHome::revive() {
  try {
    const JournalDir& directory = settings_.directory;
    const std::lock_guard lock(mutex_);
    if (is_given_up_) {
      return Error{Errc::finished, 0, "the run has ended: " + directory.path().native()};
    }
    if (lock_.is_lock_of(directory.lock())) return directory.create_folders();
    std::string what = " was removed while in use; it was made anew, and logging goes on";
    bool was_removed = false;
    if (lock_.forget_if_lost()) {
      what = ": the job has closed the descriptor of its LOCK (closefrom?); it was taken anew";
    } else if (const auto lock_path = lock_.current_path()) {
      what = " was moved while in use, to " + lock_path->parent_path().native() +
             "; what is logged from now on is in a new one, in the old place";
      moved_.push_back({.lock = std::move(lock_)});
    } else {
      was_removed = true;
    }
    was_removed_.push_back(was_removed);
    if (stat_file(directory.path())) {
      // The descriptor of LOCK was closed, or LOCK itself removed, or the removal of all is still
      // under way: take it anew, in place.
      auto again = FileLock::acquire(directory.lock());
      if (!again) return std::move(again).error();
      lock_ = std::move(*again);
      if (auto made = directory.create(settings_.rights); !made) return made;
      if (auto said = say_whose(directory); !said) return said;
    } else if (auto made = make_directory(); !made) {
      return made;
    }
    settings_.meta.continues = true;
    if (auto claimed = claim(); !claimed) return claimed;
    end_moved();
    if (settings_.report) {
      settings_.report(Error{Errc::not_found, 0, directory.path().native() + what});
    }
    return {};
  } catch (const std::bad_alloc&) {
    return Error{Errc::io, ENOMEM, "out of memory"};
  }
}

// As if it had been shipped: the run's one end is told by the journal in which it goes on. Not
// before there is one: until then the one that was moved tells what was dropped.
void JournalHome::end_moved() {
  for (MovedJournal& one : moved_) {
    const auto path = one.is_ended ? std::nullopt : one.lock.current_path();
    if (!path) continue;
    const End end{
        .state = RunEnd::moved,
        .reason = "moved while in use; the run goes on in " + settings_.directory.path().native(),
        .ended_unix_ns = realtime_ns()};
    const JournalDir moved(path->parent_path());
    auto written = write_file_durably(moved.shipped() / "end.json", to_json(end, meta()));
    one.is_ended = written.has_value();
    if (!written && settings_.report) settings_.report(written.error());
  }
}

std::size_t JournalHome::times_revived() const {
  const std::lock_guard lock(mutex_);
  return was_removed_.size();
}

bool JournalHome::was_removed(std::size_t times_revived) const {
  const std::lock_guard lock(mutex_);
  return times_revived < was_removed_.size() && was_removed_[times_revived];
}

bool JournalHome::has_moved(const MappedFile& segment) {
  const std::lock_guard lock(mutex_);
  return std::any_of(moved_.begin(), moved_.end(), [&](const MovedJournal& one) {
    const auto path = one.lock.current_path();
    return path &&
           segment.is_at(JournalDir(path->parent_path()).lanes() / segment.path().filename());
  });
}

// Where it fails only a power loss tells, and then of drops that no gap record told of yet.
void JournalHome::sync_tally() noexcept {
  if (!tally_.is_changed()) return;
  const CrashFile* crash = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (!crash_files_.empty()) crash = &crash_files_.back();  // it stays until the journal goes
  }
  // Without the mutex: a sync may never return.
  if (crash != nullptr) (void)crash->file.sync(crash::kTally_at, crash::kFile_bytes);
}

void JournalHome::unlock() noexcept {
  const std::lock_guard lock(mutex_);
  is_given_up_ = true;
  crash_marker_ = {};  // what becomes of the process is no longer this run's end
  lock_.release();
  moved_.clear();
}

}  // namespace runlog
