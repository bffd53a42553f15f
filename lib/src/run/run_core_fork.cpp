// What becomes of a run in a forked child: see run_core.hpp.

#include <new>

#include "platform/directories.hpp"
#include "platform/fork.hpp"
#include "platform/in_call.hpp"
#include "platform/random.hpp"
#include "run/run_core.hpp"
#include "run/run_settings.hpp"

namespace runlog {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kRetry{1};

}  // namespace

// Slow path of journal(): the run has ended; or a forked child, until it has a keeper.
Journal* RunCore::find_journal() noexcept {
  settle_child();
  Part* const mine = part();
  if (mine == nullptr) return takes_calls() ? open_childs_part() : nullptr;
  if (!mine->takes_calls.load(std::memory_order_acquire)) return nullptr;
  if (mine->keeper.load(std::memory_order_acquire) == nullptr && wants_keeper(*mine)) {
    start_childs_keeper(*mine);
  }
  return mine->journal.get();
}

Journal* RunCore::open_childs_part() noexcept {
  const InCall in_call;
  try {
    const std::lock_guard lock(wiped_.mutex);
    if (const Part* const mine = part()) return mine->journal.get();
    const auto now = steady_clock::now();
    if (now < wiped_.next_try) return nullptr;
    wiped_.next_try = now + kRetry;
    const Part* const parents = part_.load(std::memory_order_acquire);
    if (parents == nullptr) return nullptr;
    const Session session = make_session();
    auto childs = std::make_unique<Part>();
    childs->session = to_hex(session);
    childs->began = now;
    childs->reporter = std::make_shared<ErrorReporter>(options_.on_error);
    auto journal =
        Journal::create(journal_settings(options_, session, parents->session, childs->reporter));
    if (!journal) {
      (*childs->reporter)(journal.error());
      return nullptr;
    }
    childs->journal = std::move(*journal);
    // Metric handles made before the fork carry numbers of the parent's table: the child's gives
    // out the same ones. Reading the parent's copy takes no lock.
    const SeriesTable& known = parents->journal->series();
    for (std::uint32_t i = 0; i < known.size(); ++i) {
      (void)childs->journal->series().find_or_add(known.name(i));
    }
    for (const EarlyName* one = early_names_.load(std::memory_order_acquire); one != nullptr;
         one = one->next.load(std::memory_order_acquire)) {
      (void)childs->journal->series().find_or_add(one->name);
    }
    early_names_.store(nullptr, std::memory_order_release);
    const std::uint64_t untold = wiped_.dropped.load(std::memory_order_relaxed) -
                                 wiped_.told_by_parent.load(std::memory_order_relaxed);
    if (untold != 0) {
      Journal& own = *childs->journal;
      own.lane()->drops().add(DropReason::value, untold, own.now_ns());
      wiped_.dropped.fetch_sub(untold, std::memory_order_relaxed);
    }
    wiped_.next_try = {};
    // Its own, though its parent may have been ended by exit() when it was made.
    status_.store(RunStatus::running, std::memory_order_release);
    Part* const shown = childs.release();
    part_.store(shown, std::memory_order_release);
    // wiped_.journal stays empty, so that every call comes by and looks whether a keeper is due.
    wiped_.has_part.store(true, std::memory_order_release);
    return shown->journal.get();
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

std::uint32_t RunCore::series_without_journal(std::string_view name) noexcept {
  if (!takes_calls()) return SeriesTable::kNo_series;
  const InCall in_call;
  try {
    std::string storage;
    name = mend_name(name, storage);
    const std::lock_guard lock(wiped_.mutex);
    if (const Part* const mine = part()) return series(*mine->journal, name);
    const SeriesTable& known = part_.load(std::memory_order_acquire)->journal->series();
    if (const auto number = known.find(name)) return *number;
    std::uint32_t number = known.size();
    std::atomic<EarlyName*>* end = &early_names_;
    for (EarlyName* one = nullptr; (one = end->load(std::memory_order_acquire)) != nullptr;) {
      if (one->name == name) return number;
      end = &one->next;
      ++number;
    }
    if (number >= SeriesTable::kSeries_max) return SeriesTable::kNo_series;
    end->store(new EarlyName{.name = std::string(name)}, std::memory_order_release);
    return number;
  } catch (const std::bad_alloc&) {
    return SeriesTable::kNo_series;
  }
}

// A data loader's worker that logs a little stays free of threads; who logs much or long, a daemon
// for instance, is synced, packed and shipped like any other. Threads only where fork()'s handlers
// ran: in a child of _Fork() or clone not even the C library's locks are sound.
bool RunCore::wants_keeper(const Part& part) const noexcept {
  return is_child_of_fork() && (part.journal->pool().late() > 0 ||
                                steady_clock::now() - part.began >= *options_.ship_interval);
}

void RunCore::start_childs_keeper(Part& part) noexcept {
  if (!is_child_of_fork() || part.keeper.load(std::memory_order_acquire) != nullptr) return;
  const InCall in_call;
  try {
    const std::lock_guard lock(wiped_.mutex);
    if (part.keeper.load(std::memory_order_acquire) != nullptr) return;
    const auto now = steady_clock::now();
    if (now < wiped_.next_try || !part.takes_calls.load(std::memory_order_acquire)) return;
    auto keeper =
        Keeper::start(part.journal, keeper_settings(options_, find_file_system_, *part.journal));
    if (!keeper) {
      wiped_.next_try = now + kRetry;
      (*part.reporter)(keeper.error());
      return;
    }
    part.keeper_owner = std::move(*keeper);
    part.keeper.store(part.keeper_owner.get(), std::memory_order_release);
    wiped_.journal.store(part.journal.get(), std::memory_order_release);
  } catch (const std::bad_alloc&) {
    // At the next call.
  }
}

// A child without a keeper: its segments are synced by name.
Wait RunCore::sync_without_keeper(const Part& part) noexcept {
  try {
    const JournalDir& directory = part.journal->directory();
    const auto names = list_directory(directory.lanes());
    if (!names) return Wait::Failed;
    for (const std::string& name : *names) {
      const auto file = OpenFile::open(directory.lanes() / name, Access::read);
      if (!file || !sync_data(file->fd(), directory.lanes() / name)) return Wait::Failed;
    }
    return sync_directory(directory.lanes()) ? Wait::Done : Wait::Failed;
  } catch (const std::bad_alloc&) {
    return Wait::Failed;
  }
}

}  // namespace runlog
