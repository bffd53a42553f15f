// What happens to runs at fork. The handlers run in the forking thread, in parent and child.
#include <fcntl.h>
#include <pthread.h>

#include <new>
#include <vector>

#include "faces/run_core.hpp"
#include "platform/fault_guard.hpp"
#include "platform/file_lock.hpp"

namespace runlog {
namespace {

constexpr std::int64_t kRetry_child_ns = 1'000'000'000;

}  // namespace

struct RunCore::Registry {
  std::mutex mutex;
  std::vector<RunCore*> cores;  // guarded by mutex
};

RunCore::Registry& RunCore::registry() {
  static auto* const registry = [] {
    // Prepare handlers run last first: what is locked under a run's mutex comes after it.
    FileLock::make_fork_safe();
    make_fault_guard_fork_safe();
    ::pthread_atfork(&before_fork, &after_fork_in_parent, &after_fork_in_child);
    return new Registry;
  }();
  return *registry;
}

void RunCore::before_fork() noexcept {
  registry().mutex.lock();
  for (RunCore* core : registry().cores) {
    core->mutex_.lock();
    core->reporter_->lock_for_fork();
  }
}

void RunCore::after_fork_in_parent() noexcept {
  for (RunCore* core : registry().cores) {
    core->reporter_->unlock_after_fork();
    core->mutex_.unlock();
  }
  registry().mutex.unlock();
}

void RunCore::after_fork_in_child() noexcept {
  SegmentLook::forget_others();
  for (RunCore* core : registry().cores) {
    core->is_child_.store(true, std::memory_order_relaxed);
    core->journal_.store(nullptr, std::memory_order_release);
    core->reporter_->unlock_after_fork();
    core->mutex_.unlock();
  }
  registry().mutex.unlock();
}

void RunCore::enlist() {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  all.cores.push_back(this);
}

void RunCore::delist() noexcept {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  std::erase(all.cores, this);
}

// Slow path of journal(): ended, or the first call in a forked child.
Journal* RunCore::find_journal() noexcept {
  if (status() != RunStatus::running || !is_child_.load(std::memory_order_relaxed)) return nullptr;
  try {
    const std::lock_guard lock(mutex_);
    if (Journal* const journal = journal_.load(std::memory_order_acquire)) return journal;
    const std::int64_t now = realtime_ns();
    if (now < next_child_try_ns_) return nullptr;
    const Session session = make_session();
    auto journal = Journal::create(journal_settings(session, make_meta(session, session_)));
    if (!journal) {
      (*reporter_)(journal.error());
      next_child_try_ns_ = now + kRetry_child_ns;
      return nullptr;
    }
    // Metric handles made before the fork carry numbers of the parent's table: the child's gives
    // out the same ones. Reading the parent's copy takes no lock.
    if (journal_owner_) {
      const SeriesTable& parents = journal_owner_->series();
      for (std::uint32_t i = 0; i < parents.size(); ++i) {
        (void)(*journal)->series().find_or_add(parents.name(i));
      }
    }
    // The parent's journal: its threads are not here, so nothing may be destroyed with it.
    (void)new std::shared_ptr<Journal>(std::move(journal_owner_));
    journal_owner_ = std::move(*journal);
    session_ = to_hex(session);
    journal_.store(journal_owner_.get(), std::memory_order_release);
    return journal_owner_.get();
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

// A child has no keeper: sync its segments by name.
Wait RunCore::sync_child() noexcept {
  try {
    const JournalDir directory(journal_path());
    const auto names = list_directory(directory.lanes());
    if (!names) return Wait::Failed;
    for (const std::string& name : *names) {
      const auto file = OpenFile::open(directory.lanes() / name, O_RDONLY);
      if (!file || !sync_data(file->fd(), directory.lanes() / name)) return Wait::Failed;
    }
    return sync_directory(directory.lanes()) ? Wait::Done : Wait::Failed;
  } catch (const std::bad_alloc&) {
    return Wait::Failed;
  }
}

}  // namespace runlog
