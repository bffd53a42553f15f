// RunCore: the state that all handles of one run share: options, status, and this process's part in
// the run, with its journal and keeper. Also what happens to it in a forked child and at exit.
//
// fork: a child has no part in the run until it first logs; then it gets a journal of its own. The
// pointer to the part and the locks lie in a page that the kernel zeroes in every child: whatever a
// thread of the parent was doing, the child finds nothing half done and nothing locked. The
// parent's part stays in the child's memory; the child reads only what never changes. A child
// starts without threads; one that fills a segment, or logs longer than a ship interval, gets a
// keeper.
//
// exit: an end by exit() is recorded after all handlers that were registered later (end_at_exit).
// Calls are accepted, and their records kept, until the process is gone.
#pragma once

#include <atomic>
#include <bit>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "journal/blobs.hpp"
#include "journal/journal.hpp"
#include "keep/keeper.hpp"
#include "platform/file_system_kind.hpp"
#include "run/error_reporter.hpp"
#include "runlog/options.hpp"
#include "runlog/run.hpp"

namespace runlog {

/// As the status record and end.json have it.
[[nodiscard]] RunEnd run_end_of(RunStatus status) noexcept;

/// What calls that return a Result answer without a running run.
inline Error no_run() {
  return Error{Errc::finished, 0, "there is no run, or it has ended"};
}

// What of a run is zero in every child: the part is not there then, and nobody holds the mutex. It
// has its page for itself, and lies first in a RunCore.
struct alignas(4096) RunWiped {
  std::atomic<Journal*> journal = nullptr;  // the part's, while it takes calls and has a keeper
  std::atomic<bool> has_part = false;       // RunCore::part_ is this process's
  std::atomic<std::uint64_t> dropped = 0;   // where no lane counted it
  std::atomic<std::uint64_t> told_by_parent = 0;  // of those
  std::atomic<std::uint64_t> spilled = 0;
  std::atomic<std::uint64_t> mended = 0;
  std::atomic<std::uint64_t> times_mended = 0;
  std::atomic<std::uint64_t> conflicts = 0;
  std::mutex mutex = {};
  // Guarded by mutex: of a child that could not get its part, or a keeper.
  std::chrono::steady_clock::time_point next_try = {};
};
struct RunWipedFirst {
  RunWiped wiped_;
};

static_assert(static_cast<int>(Number::Type::real) == static_cast<int>(format::Tag::metric_real));
static_assert(static_cast<int>(Number::Type::integer) == static_cast<int>(format::Tag::metric_int));

/// A metric as lanes take it.
inline Scalar make_scalar(std::uint32_t series, Number value) noexcept {
  const std::uint64_t bits = value.is_real() ? std::bit_cast<std::uint64_t>(value.real())
                                             : static_cast<std::uint64_t>(value.integer());
  return {bits, series, static_cast<format::Tag>(value.type())};
}

class RunCore : private RunWipedFirst, public std::enable_shared_from_this<RunCore> {
 public:
  static Result<std::shared_ptr<RunCore>> start(
      Options options, const FindFileSystem& find_file_system = file_system_of);
  ~RunCore();
  RunCore(const RunCore&) = delete;
  RunCore& operator=(const RunCore&) = delete;

  // In a mapping of its own, whose first page is wiped in children.
  static void* operator new(std::size_t bytes) noexcept;
  static void operator delete(void* memory) noexcept;

  /// The journal of this process, or nullptr: the run has ended, or a child could not open one. The
  /// caller then counts a drop.
  [[nodiscard]] Journal* journal() noexcept {
    Journal* const journal = wiped_.journal.load(std::memory_order_acquire);
    if (journal != nullptr) [[likely]]
      return journal;
    return find_journal();
  }
  /// The same without a call; nullptr also where journal() would find one.
  [[nodiscard]] Journal* journal_at_hand() noexcept {
    return wiped_.journal.load(std::memory_order_acquire);
  }
  [[nodiscard]] bool has_journal(const Journal* journal) const noexcept {
    return wiped_.journal.load(std::memory_order_acquire) == journal;
  }
  /// Calls whose records cannot be made, or that came after the end.
  [[gnu::noinline, gnu::cold]] void count_drop(std::uint64_t calls = 1) noexcept;

  void count_mended_time() noexcept { wiped_.times_mended.fetch_add(1, std::memory_order_relaxed); }

  /// Appends an event with name and text mended, spilled when too large. Any thread. A time of 0 is
  /// now.
  bool event(format::Event event) noexcept;
  /// The series of a metric name, mended if it must be. SeriesTable::kNo_series: the table is full.
  std::uint32_t series(Journal& journal, const std::string_view& name) noexcept {
    const std::uint32_t known = journal.find_series(name);
    if (known != SeriesTable::kNo_series) [[likely]]
      return known;
    return add_series(journal, name);
  }
  /// The number that a name will have in the journal of a child that has none yet.
  /// SeriesTable::kNo_series: there will be none, or no memory.
  std::uint32_t series_without_journal(std::string_view name) noexcept;
  bool set_property(std::string_view name, std::string_view value) noexcept;
  Result<void> add_blob(Kind kind, std::string_view name, std::optional<std::int64_t> step,
                        const Result<Blob>& blob);

  void end(RunStatus status, std::string_view code, std::string_view message) noexcept;
  /// The end by exit(exit_status) of a run that nobody has ended: complete, or failed where the
  /// status is not 0. Packs and ships as end() does, but later calls are taken all the same.
  void end_at_exit(int exit_status, std::chrono::steady_clock::time_point began) noexcept;
  /// The last thing before the process is gone: packs what was logged since end_at_exit().
  void leave() noexcept;
  [[nodiscard]] RunStatus status() const noexcept {
    return status_.load(std::memory_order_acquire);
  }
  /// Whether calls are taken: until the end, but also after an end by exit().
  [[nodiscard]] bool takes_calls() const noexcept;
  Wait wait_until(Stage stage, std::chrono::milliseconds timeout) noexcept;
  void flush() noexcept;
  [[nodiscard]] Stats stats() const;
  [[nodiscard]] const Options& options() const noexcept { return options_; }
  [[nodiscard]] std::string session() const;
  [[nodiscard]] std::filesystem::path journal_path() const;

 private:
  // One process's part in the run. What is not atomic never changes once the part is shown, so that
  // a child may read its parent's; `properties` is the exception, and is not read there.
  struct Part {
    std::string session = {};
    std::shared_ptr<ErrorReporter> reporter = {};
    std::shared_ptr<Journal> journal = {};
    std::shared_ptr<Keeper> keeper_owner = {};  // set before `keeper`, guarded by wiped_.mutex
    std::atomic<Keeper*> keeper = nullptr;      // nullptr: a child's, and it has none yet
    std::atomic<bool> takes_calls = true;
    std::chrono::steady_clock::time_point began = {};
    std::map<std::string, std::string, std::less<>> properties = {};  // guarded by wiped_.mutex
  };
  // A name that a child gave to a handle before it had a journal. A list, linked by the last store,
  // for it is read in children that were made at any moment.
  struct EarlyName {
    std::string name;
    std::atomic<EarlyName*> next = nullptr;
  };
  explicit RunCore(Options options);
  /// This process's part, or nullptr: a child that has not logged. Ending it must leave no trace.
  [[nodiscard]] Part* part() const noexcept {
    return wiped_.has_part.load(std::memory_order_acquire) ? part_.load(std::memory_order_acquire)
                                                           : nullptr;
  }
  Journal* find_journal() noexcept;
  Journal* open_childs_part() noexcept;
  void start_childs_keeper(Part& part) noexcept;
  [[nodiscard]] bool wants_keeper(const Part& part) const noexcept;
  [[gnu::noinline, gnu::cold]] std::uint32_t add_series(Journal& journal,
                                                        const std::string_view& name) noexcept;
  static Wait sync_without_keeper(const Part& part) noexcept;
  [[nodiscard]] bool claim_end(RunStatus status) noexcept;
  void append_end(Part& part, RunStatus status, std::string_view why) noexcept;
  void report(const Error& error) const noexcept;
  std::string_view mend_name(std::string_view name, std::string& storage) noexcept;

  const Options options_;
  FindFileSystem find_file_system_ = file_system_of;
  std::atomic<Part*> part_ = nullptr;  // owned; a child leaves its parent's where it is
  std::atomic<RunStatus> status_ = RunStatus::running;
  // Behind those of the parent's table. Added to under wiped_.mutex; what was in it when the child
  // got its journal, or was in a parent's, is left where it is.
  std::atomic<EarlyName*> early_names_ = nullptr;
};

/// The third tier for a row. In a function of its own, because it needs much of the stack.
[[gnu::noinline]] void append_row_any(RunCore& core, Journal& journal, std::int64_t step,
                                      std::int64_t time_ns,
                                      std::span<const NamedNumber> row) noexcept;

}  // namespace runlog
