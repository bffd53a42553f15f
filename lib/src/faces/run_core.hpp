// RunCore: what all handles of one run share: options, the journal of this process, the keeper, and
// the facts that are checked in memory (status, properties). Also what happens to them at fork.
//
// fork: the child's copy gives up the parent's journal at once (a pthread_atfork handler does) and
// opens one of its own, without keeper and threads, when it first logs. The parent's journal object
// stays in the child's memory, never touched again.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "journal/blobs.hpp"
#include "journal/journal.hpp"
#include "platform/file_system_kind.hpp"
#include "runlog/options.hpp"
#include "runlog/run.hpp"
#include "ship/keeper.hpp"

namespace runlog {

/// Passes background errors to the user's on_error, or to stderr, at most one a second each.
class ErrorReporter {
 public:
  explicit ErrorReporter(std::function<void(const Error&)> sink) : sink_(std::move(sink)) {}
  void operator()(const Error& error) noexcept;
  [[nodiscard]] std::string last() const;
  /// Held across fork, so that a child does not inherit it locked by a thread it has not got.
  void lock_for_fork() noexcept { mutex_.lock(); }
  void unlock_after_fork() noexcept { mutex_.unlock(); }

 private:
  const std::function<void(const Error&)> sink_;
  mutable std::mutex mutex_;
  std::string last_;                                    // guarded by mutex_
  std::chrono::steady_clock::time_point next_at_ = {};  // guarded by mutex_
};

/// What calls that return a Result answer without a running run.
inline Error no_run() {
  return Error{Errc::finished, 0, "there is no run, or it has ended"};
}

class RunCore {
 public:
  static Result<std::shared_ptr<RunCore>> start(
      Options options, const FindFileSystem& find_file_system = file_system_of);
  ~RunCore();
  RunCore(const RunCore&) = delete;
  RunCore& operator=(const RunCore&) = delete;

  /// The journal of this process, or nullptr: the run has ended, or a child could not open one. The
  /// caller then counts a drop.
  [[nodiscard]] Journal* journal() noexcept {
    Journal* const journal = journal_.load(std::memory_order_acquire);
    if (journal != nullptr) [[likely]]
      return journal;
    return find_journal();
  }
  /// The same without a call; nullptr also where journal() would find one.
  [[nodiscard]] Journal* journal_at_hand() noexcept {
    return journal_.load(std::memory_order_acquire);
  }
  [[nodiscard]] bool has_journal(const Journal* journal) const noexcept {
    return journal_.load(std::memory_order_acquire) == journal;
  }
  void count_drop(std::uint64_t records = 1) noexcept {
    dropped_.fetch_add(records, std::memory_order_relaxed);
  }

  /// Appends an event with name and text mended, spilled when too large. Any thread.
  bool event(format::Event event) noexcept;
  /// The series of a metric name, mended if it must be. SeriesTable::kNo_series: the table is full.
  std::uint32_t series(Journal& journal, const std::string_view& name) noexcept {
    const std::uint32_t known = journal.find_series(name);
    if (known != SeriesTable::kNo_series) [[likely]]
      return known;
    return add_series(journal, name);
  }
  bool set_property(std::string_view name, std::string_view value) noexcept;
  Result<void> add_blob(Kind kind, std::string_view name, std::optional<std::int64_t> step,
                        const Result<Blob>& blob) noexcept;

  void end(RunStatus status, std::string_view code, std::string_view message) noexcept;
  [[nodiscard]] RunStatus status() const noexcept {
    return status_.load(std::memory_order_acquire);
  }
  Wait wait_until(Stage stage, std::chrono::milliseconds timeout) noexcept;
  void flush() noexcept;
  [[nodiscard]] Stats stats() const;
  [[nodiscard]] const Options& options() const noexcept { return options_; }
  [[nodiscard]] std::string session() const;
  /// Registers the fork handlers, once. Before others whose mutex is held while a run is used.
  static void make_fork_safe() { (void)registry(); }
  [[nodiscard]] std::filesystem::path journal_path() const;
  /// True in a forked child that has not logged: ending it must leave no trace.
  [[nodiscard]] bool is_untouched_child() const noexcept {
    return is_child_.load(std::memory_order_relaxed) &&
           journal_.load(std::memory_order_acquire) == nullptr;
  }

 private:
  explicit RunCore(Options options);
  [[nodiscard]] Meta make_meta(const Session& session, std::string parent_session) const;
  [[nodiscard]] Journal::Settings journal_settings(const Session& session, Meta meta) const;
  Journal* find_journal() noexcept;
  [[gnu::noinline, gnu::cold]] std::uint32_t add_series(Journal& journal,
                                                        const std::string_view& name) noexcept;
  Wait sync_child() noexcept;
  void append_end(const format::Event& end,
                  std::chrono::steady_clock::time_point deadline) noexcept;
  [[nodiscard]] std::uint64_t untold_drops(const Journal& journal) const noexcept;
  std::string_view mend_name(std::string_view name, std::string& storage) noexcept;

  // fork handlers, for all runs of the process
  struct Registry;
  static Registry& registry();
  void enlist();
  void delist() noexcept;
  static void before_fork() noexcept;
  static void after_fork_in_parent() noexcept;
  static void after_fork_in_child() noexcept;

  const Options options_;
  const std::shared_ptr<ErrorReporter> reporter_;
  std::atomic<Journal*> journal_ = nullptr;  // journal_owner_'s; nullptr once ended, or forked
  std::atomic<RunStatus> status_ = RunStatus::running;
  std::atomic<bool> is_child_ = false;
  std::atomic<std::uint64_t> dropped_ = 0;
  std::atomic<std::uint64_t> spilled_ = 0;
  std::atomic<std::uint64_t> mended_ = 0;
  std::atomic<std::uint64_t> conflicts_ = 0;

  mutable std::mutex mutex_;                // held across fork, so that the child finds it unlocked
  std::shared_ptr<Journal> journal_owner_;  // guarded by mutex_ (changes in a forked child only)
  std::shared_ptr<Keeper> keeper_;          // set before the run is shared; null in a forked child
  std::string session_;                     // guarded by mutex_
  std::map<std::string, std::string, std::less<>> properties_;  // guarded by mutex_
  std::int64_t next_child_try_ns_ = 0;                          // guarded by mutex_
};

}  // namespace runlog
