// Run: one process's part in one training run. Every call below appends to a memory-mapped journal;
// what a returned call wrote survives any death of the process. Delivery is the keeper's business.
//
// Thread-safety: all members may be called from any thread at any time. Nothing here throws.
// Cost: a metric through a handle is tens of nanoseconds and no system call; calls that stage files
// (upload_*, log_image) read and write them before they return.
// Durable on return: against death of the process always; against power loss after the sync
// interval, or after wait_until(Durable).
//
// Names and texts, whatever the caller passes:
//   empty name        recorded as "unnamed"
//   name > 512 bytes  cut at a character, with "~" and 8 hex digits of a checksum of the whole name
//   invalid UTF-8     each bad byte becomes U+FFFD; a text keeps its original bytes as payload
//   value > 1 MiB     kept whole as a blob; the record is of kind `spill` and names it
//   series > 1 000 000 per journal   dropped and counted
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "runlog/export.hpp"
#include "runlog/options.hpp"
#include "runlog/record.hpp"
#include "runlog/result.hpp"

namespace runlog {

class Journal;
class Lane;
class RunCore;

/// A metric's value: any arithmetic type. Floating values are kept as double, bit for bit (NaN and
/// infinities too); integers as int64 (uint64 above INT64_MAX as double); bool as 0 or 1.
class Number {
 public:
  enum class Type : std::uint8_t { real = 1, integer = 2 };
  // clang-format off
  // Version 14 does not know where a requires clause ends.
  template <typename T>
  requires std::is_arithmetic_v<T>
  Number(T value) noexcept {  // NOLINT(google-explicit-constructor)
    // clang-format on
    if constexpr (std::is_floating_point_v<T>) {
      real_ = static_cast<double>(value);
      type_ = Type::real;
    } else if constexpr (std::is_unsigned_v<T> && sizeof(T) == 8) {
      if (value > static_cast<T>(INT64_MAX)) {
        real_ = static_cast<double>(value);
        type_ = Type::real;
      } else {
        integer_ = static_cast<std::int64_t>(value);
      }
    } else {
      integer_ = static_cast<std::int64_t>(value);
    }
  }
  [[nodiscard]] Type type() const noexcept { return type_; }
  [[nodiscard]] bool is_real() const noexcept { return type_ == Type::real; }
  [[nodiscard]] double real() const noexcept { return real_; }
  [[nodiscard]] std::int64_t integer() const noexcept { return integer_; }

 private:
  union {
    double real_;
    std::int64_t integer_;
  };
  Type type_ = Type::integer;
};

enum class Level : std::uint8_t { debug, info, warning, error };

/// How far records have come. Committed: on return of the call, always (a crash of the process
/// cannot take them). Durable: power loss cannot. Shipped: the store has acknowledged them.
enum class Stage : std::uint8_t { Committed, Durable, Shipped };
inline constexpr Stage Committed = Stage::Committed;
inline constexpr Stage Durable = Stage::Durable;
inline constexpr Stage Shipped = Stage::Shipped;

/// Failed: it cannot be reached (no store, the store rejects, the disk fails); stats() tells why.
enum class Wait : std::uint8_t { Done, Timeout, Failed };

enum class RunStatus : std::uint8_t { running, complete, failed, cancelled };

/// Counters since start, readable at any time; each only grows, except the *_now and waiting ones.
struct Stats {
  std::uint64_t records = 0;       ///< appended
  std::uint64_t dropped = 0;       ///< by overflow, after the end, or over a limit
  std::uint64_t records_lost = 0;  ///< to damage noticed while packing (file truncated, …)
  std::uint64_t spilled = 0;       ///< values kept as blobs because they were too large
  std::uint64_t names_mended = 0;  ///< names or texts that were empty, too long or not UTF-8
  std::uint64_t property_conflicts = 0;
  std::uint64_t segments_late = 0;  ///< segments a writer had to prepare itself
  std::uint64_t syncs = 0;          ///< fdatasync rounds
  std::uint64_t segments_sealed = 0;
  std::uint64_t packs_made = 0;
  std::uint64_t packs_shipped = 0;
  std::uint64_t bytes_shipped = 0;
  std::uint64_t records_shipped = 0;
  std::uint64_t ship_retries = 0;
  std::uint64_t packs_waiting = 0;
  std::uint64_t disk_bytes_now = 0;  ///< segments, packs and kept packs
  std::uint64_t lanes = 0;
  std::uint64_t series = 0;
  std::uint64_t sigbus_caught = 0;
  std::uint64_t journals_adopted = 0;  ///< dead journals finished by this run's keeper
  std::string last_error = {};         ///< of the background, with what to do; empty: none
};

/// A metric whose name has been looked up once: for hot loops. Copyable; keeps its run's memory
/// alive.
class RUNLOG_EXPORT Metric {
 public:
  Metric() noexcept = default;  ///< an empty handle: log() does nothing
  void log(Number value) noexcept;
  void log(Number value, std::int64_t step) noexcept;

 private:
  friend class Run;
  friend class Step;
  Metric(std::shared_ptr<RunCore> core, std::uint32_t series) noexcept
      : core_(std::move(core)), series_(series) {}
  std::shared_ptr<RunCore> core_;
  std::uint32_t series_ = 0;
};

/// One step of training: everything logged with it has this step and the time of its making, so
/// that the clock is read once and not once per metric. For one turn of a loop: it belongs to the
/// thread that made it and must not outlive the Run it came from. A metric of another run is
/// dropped and counted.
class RUNLOG_EXPORT Step {
 public:
  void log(const Metric& metric, Number value) noexcept;
  void log(std::string_view name, Number value) noexcept;

 private:
  friend class Run;
  Step(RunCore* core, std::int64_t step) noexcept;
  [[gnu::noinline]] void log_slowly(std::uint32_t series, Number value) noexcept;
  [[gnu::noinline]] void log_slowly(std::string_view name, Number value) noexcept;
  [[gnu::noinline, gnu::cold]] void drop() noexcept;
  RunCore* core_;
  Journal* journal_;
  Lane* lane_;  // of this thread; nullptr while it logs rarely
  std::int64_t step_;
  std::int64_t time_ns_;
};

/// One cell of a row or table.
using NamedNumber = std::pair<std::string_view, Number>;
struct Column {
  std::string_view name;
  std::span<const double> values;
};

/// A handle to the run; copies refer to the same run. The last handle's destructor ends a run that
/// was not ended: complete(), or fail("exception", …) while an exception is unwinding the stack.
class RUNLOG_EXPORT Run {
 public:
  Run() noexcept;  ///< an inert handle: every call does nothing and counts nothing
  ~Run();
  Run(const Run&) noexcept;
  Run(Run&&) noexcept;
  Run& operator=(const Run&) noexcept;
  Run& operator=(Run&&) noexcept;

  /// The process's run: the last one started and not ended. Without one, starts one when
  /// RUNLOG_ROOT, RUNLOG_RUN_ID or RUNLOG_STORE is set, else returns an inert handle.
  static Run current() noexcept;

  /// False for an inert handle.
  explicit operator bool() const noexcept { return core_ != nullptr; }
  [[nodiscard]] std::string run_id() const;
  [[nodiscard]] std::string session() const;
  [[nodiscard]] std::filesystem::path journal_path() const;

  // Metrics. Repeated, backward and missing steps are kept as they come.
  void log(std::string_view name, Number value) noexcept;
  void log(std::string_view name, Number value, std::int64_t step) noexcept;
  /// One row: every metric with the same step and the same time stamp.
  void log(std::int64_t step, std::initializer_list<NamedNumber> row) noexcept;
  void log(std::int64_t step, std::span<const NamedNumber> row) noexcept;
  [[nodiscard]] Metric metric(std::string_view name) noexcept;
  /// For many metrics of one step: `auto now = run.step(i); now.log(loss, 0.3); now.log(lr, 1e-4);`
  [[nodiscard]] Step step(std::int64_t step) noexcept;

  // Structured values. They are kept as JSON text, so that engines can query them; numbers in the
  // shortest form that reads back exactly, NaN and infinities as strings.
  void log_list(std::string_view name, std::span<const double> values,
                std::optional<std::int64_t> step = {}) noexcept;
  void log_row(std::string_view name, std::span<const NamedNumber> columns,
               std::optional<std::int64_t> step = {}) noexcept;
  void log_row(std::string_view name, std::initializer_list<NamedNumber> columns,
               std::optional<std::int64_t> step = {}) noexcept;
  void log_table(std::string_view name, std::span<const Column> columns,
                 std::optional<std::int64_t> step = {}) noexcept;
  /// `edges` ascending, one more than `counts`; other shapes are dropped and counted.
  void log_histogram(std::string_view name, std::span<const double> edges,
                     std::span<const double> counts,
                     std::optional<std::int64_t> step = {}) noexcept;
  /// `document` must be JSON; it is kept as given and not checked. `schema` names its meaning.
  void log_json(std::string_view schema, std::string_view document) noexcept;
  void text(Level level, std::string_view message) noexcept;

  // Images and artifacts. The content is staged in the journal when these return: the source may be
  // deleted or overwritten at once. Errors: not_found, io, no_space, invalid_argument (not a file).
  Result<void> log_image(std::string_view name, const std::filesystem::path& path,
                         std::optional<std::int64_t> step = {}) noexcept;
  Result<void> log_image(std::string_view name, std::span<const std::byte> encoded,
                         std::optional<std::int64_t> step = {}) noexcept;
  Result<void> upload_file(std::string_view name, const std::filesystem::path& path) noexcept;
  Result<void> upload_files(
      std::span<const std::pair<std::string, std::filesystem::path>> files) noexcept;
  /// Every regular file below `path`, named `name`/relative/path. Symbolic links are not followed.
  Result<void> upload_folder(std::string_view name, const std::filesystem::path& path) noexcept;

  // Facts about the run.
  void param(std::string_view name, const Value& value) noexcept;
  void tag(std::string_view name, std::string_view value) noexcept;
  void set_tags(std::span<const std::pair<std::string, std::string>> tags) noexcept;
  void remove_tags(std::span<const std::string> names) noexcept;
  /// Set once: the first value is the property. Another value later is kept as a record, counted in
  /// stats().property_conflicts and reported by `runlog verify`; false is returned.
  bool property(std::string_view name, std::string_view value) noexcept;

  /// Training resumes from a checkpoint at `step`: what was logged before this call with a step
  /// >= `step` is void for readers that ask (ReadOptions::apply_rewind). Nothing is deleted.
  void rewind(std::int64_t step) noexcept;

  /// A hint: seal, pack and ship what is there now. Returns at once.
  void flush() noexcept;
  /// Waits until every record whose call returned before this one has reached `stage`.
  Wait wait_until(Stage stage, std::chrono::milliseconds timeout) noexcept;

  /// A run of its own, with its own journal and keeper, that names this one as its parent.
  Result<Run> child_run(std::string_view name) noexcept;

  [[nodiscard]] Stats stats() const;

  // The end. Writes the end record, packs and ships what is left, and returns when that is done or
  // the finish deadline passes; what is left then is shipped by the next start or by
  // runlog-recover. The first of the three wins; later calls do nothing.
  //
  // Which log calls are in: every call that had returned before the end was called, in whatever
  // thread. A call that another thread makes while the end is under way is in whole, or it is
  // dropped and counted in stats().dropped; so is every later one. The data cannot tell of these:
  // its last record has been written. So join the threads that log before you end the run.
  void complete() noexcept;
  void fail(std::string_view code, std::string_view message) noexcept;
  void cancel() noexcept;

  // Reading back, from the journal, no server. Blocks while it reads; not for hot loops.
  struct Point {
    std::int64_t time_ns = 0;
    std::optional<std::int64_t> step = {};
    double value = 0;  ///< an integer metric is converted
  };
  [[nodiscard]] Result<std::vector<std::pair<std::string, std::vector<Point>>>> get_metrics(
      std::string_view name_glob = "*") const;
  [[nodiscard]] RunStatus get_status() const noexcept;
  [[nodiscard]] Result<std::vector<std::string>> get_file_names() const;

 private:
  struct Handle;
  friend RUNLOG_EXPORT Result<Run> start_logging(Options options) noexcept;
  explicit Run(std::shared_ptr<Handle> handle) noexcept;
  std::shared_ptr<Handle> handle_;
  RunCore* core_ = nullptr;  // handle_'s, for the hot path
};

/// Opens a journal and starts its keeper. Synchronous, local, no network; < 10 ms on a warm
/// machine. Errors: invalid_argument, no_space, read_only, io, already_exists / not_found (resume).
RUNLOG_EXPORT Result<Run> start_logging(Options options = {}) noexcept;

}  // namespace runlog
