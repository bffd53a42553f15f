// Options: the settings of start_logging. Each field but on_error has a RUNLOG_* variable. A value
// set in code wins over the environment, which wins over the launcher's variables, which win over
// the default. When a variable does not parse, start_logging fails and names it.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "runlog/export.hpp"
#include "runlog/policy.hpp"
#include "runlog/result.hpp"

namespace runlog {

/// A parameter's value, made from any arithmetic type or string. Integers keep all 64 bits: an
/// unsigned one above INT64_MAX is kept as text with all its digits. Floating values become double,
/// exactly (a long double is rounded). A bool is kept as 0 or 1. Strings are UTF-8.
class Value : public std::variant<bool, std::int64_t, double, std::string> {
 public:
  Value() = default;
  // clang-format off
  // Version 14 does not know where a requires clause ends.
  template <typename T>
  requires std::is_arithmetic_v<T>
  Value(T value) : variant(of(value)) {}  // NOLINT(google-explicit-constructor): as all here
  // clang-format on
  Value(std::string text) : variant(std::move(text)) {}
  Value(std::string_view text) : variant(std::string(text)) {}
  Value(const char* text) : variant(std::string(text != nullptr ? text : "")) {}

 private:
  template <typename T>
  static variant of(T value) {
    if constexpr (std::is_same_v<T, bool>) {
      return value;
    } else if constexpr (std::is_floating_point_v<T>) {
      return static_cast<double>(value);
    } else {
      if constexpr (std::is_unsigned_v<T> && sizeof(T) == 8) {
        if (value > static_cast<T>(INT64_MAX)) return std::to_string(value);
      }
      return static_cast<std::int64_t>(value);
    }
  }
};

struct Options {
  std::filesystem::path root = {};  ///< RUNLOG_ROOT; default "runs". Created when missing.
  std::string project = {};         ///< RUNLOG_PROJECT; default "default"
  std::string experiment = {};      ///< RUNLOG_EXPERIMENT
  /// RUNLOG_RUN_ID, else TORCHELASTIC_RUN_ID (unless "none"), else SLURM_JOB_ID (a requeued job has
  /// the same), else generated: yyyymmdd-hhmmss-xxxxxx. 1–128 of [A-Za-z0-9._-], not starting with
  /// '.' or '_'.
  std::string run_id = {};
  std::string name = {};                                       ///< RUNLOG_NAME
  std::string group = {};                                      ///< RUNLOG_GROUP
  std::vector<std::pair<std::string, std::string>> tags = {};  ///< RUNLOG_TAGS: k=v,k=v
  std::vector<std::pair<std::string, Value>> params = {};      ///< RUNLOG_PARAMS: k=v,k=v
  std::string parent_run = {};                                 ///< RUNLOG_PARENT_RUN
  /// RUNLOG_RANK, else RANK, SLURM_PROCID, OMPI_COMM_WORLD_RANK, PMI_RANK, else 0. 0 ≤ rank < world
  /// is not enforced (launchers disagree); both are recorded.
  std::optional<std::int64_t> rank = {};
  std::optional<std::int64_t> world = {};  ///< RUNLOG_WORLD, WORLD_SIZE, SLURM_NTASKS, …_SIZE
  std::optional<std::int64_t> local_rank = {};  ///< RUNLOG_LOCAL_RANK, LOCAL_RANK, SLURM_LOCALID, …
  /// RUNLOG_STORE: where packs go. A path or file:///absolute/path; s3://bucket/prefix, with
  /// ?region=, endpoint=, profile=; azblob://account/container/prefix; gs://bucket/prefix;
  /// https:// and davs:// for servers that take PUT. Empty: stay local. docs/clouds.md says where
  /// credentials come from. Starting does not talk to the store.
  std::string store = {};

  std::optional<Sync> sync = {};  ///< RUNLOG_SYNC; default interval
  /// RUNLOG_SYNC_INTERVAL; 1 s, ≥ 10 ms
  std::optional<std::chrono::milliseconds> sync_interval = {};
  /// RUNLOG_SHIP_INTERVAL; default 30 s, ≥ 100 ms. How old a record may get before its segment is
  /// sealed and packed.
  std::optional<std::chrono::milliseconds> ship_interval = {};
  /// RUNLOG_PACK_BYTES; 16 MiB of segments, ≥ 64 KiB
  std::optional<std::uint64_t> pack_bytes = {};
  std::optional<std::uint64_t> segment_bytes = {};  ///< RUNLOG_SEGMENT_BYTES; 4 MiB, 64 KiB–64 MiB
  /// RUNLOG_DISK_BUDGET; default 1 GiB, ≥ 4 segments. Bounds segments, packs and kept packs of this
  /// journal together. When it is reached, kept packs (already shipped) are removed first. When the
  /// disk is full, kept packs and artifacts are removed, then those of other journals below the
  /// root that this user owns.
  std::optional<std::uint64_t> disk_budget = {};
  /// RUNLOG_ARTIFACT_BUDGET; default 64 GiB. Bounds the artifacts of this journal, and its values
  /// over 1 MiB, that wait for the store or are kept; kept ones are removed first. An artifact or
  /// image that does not fit is refused before it is copied (Errc::no_space); a value that does not
  /// fit is dropped and counted. Also holds when several threads stage at once.
  std::optional<std::uint64_t> artifact_budget = {};
  std::optional<Overflow> overflow = {};  ///< RUNLOG_OVERFLOW: drop_newest_counted, block, …
  std::optional<std::chrono::milliseconds> overflow_block = {};   ///< RUNLOG_OVERFLOW_BLOCK; 100 ms
  std::optional<std::chrono::milliseconds> finish_deadline = {};  ///< RUNLOG_FINISH_DEADLINE; 30 s
  std::optional<Resume> resume = {};                              ///< RUNLOG_RESUME; default allow
  /// RUNLOG_CRASH_MARKER; default on: note in the journal how the process died. The program's
  /// signal handlers work as without it, except one that is installed after the start, and only if
  /// it finds the default action (docs/operations.md).
  std::optional<bool> crash_marker = {};
  /// RUNLOG_STOP_SIGNALS: the signals that announce a pre-emption, as "TERM,USR1"; possible are
  /// HUP, INT, QUIT, USR1, USR2, TERM, PWR and XCPU. The first of each only sets
  /// Run::stop_requested(), the second has the default action. A signal that is handled or ignored
  /// at the start is left alone. In forked children the signal has the default action, except in a
  /// daemon that has replaced the process that started the run. Default: none.
  std::string stop_signals = {};
  std::optional<bool> sigbus_guard = {};  ///< RUNLOG_SIGBUS_GUARD; default on
  /// RUNLOG_KEEP_SHIPPED; default on: shipped packs and artifacts stay until clean() or until their
  /// room is needed
  std::optional<bool> keep_shipped = {};

  /// RUNLOG_COMMAND_LINE; default on: meta.json has the program's arguments, with "***" for values
  /// whose option, variable or place in a URL says that they are secret
  std::optional<bool> command_line = {};

  /// RUNLOG_NETWORK_ROOT; default off: a root on NFS, SMB, Lustre and the like is refused, because
  /// the promises about full disks and about not waiting do not hold there (docs/durability.md).
  std::optional<bool> network_root = {};
  std::optional<Share> share = {};  ///< RUNLOG_SHARE; default none
  /// RUNLOG_OPEN_ROOT; default off: a root is refused in which another user could exchange
  /// journals: every user may write to it, and it has no sticky bit, or is another user's (not the
  /// superuser's); and so is such a directory, or any of another user, in the place of the run's.
  std::optional<bool> open_root = {};

  /// Called at most once a second, with a failure that no caller gets: from a background thread, or
  /// from a thread whose call does background work or met a full disk. Default: writes one line to
  /// stderr without waiting for its reader; stats().reports_unwritten counts the lines that could
  /// not be written. Must not throw and must not call into runlog.
  std::function<void(const Error&)> on_error = {};
};

/// Fills every unset field from the environment and the defaults, and checks all of them.
/// Errors: invalid_argument, naming the option or variable, its value and the allowed range.
RUNLOG_EXPORT Result<Options> resolve(Options options);

}  // namespace runlog
