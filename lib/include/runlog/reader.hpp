// Reader: one interface to the records of a journal (live or dead), a pack, a segment, a run of
// many ranks, a root of many runs, or a store. It opens everything read-only, takes no lock that a
// writer could wait for, and never trusts a length that it reads. Damage and gaps are values.
//
// A path may be the URL of a store: s3://bucket/prefix, or a part of the store, as
// …/project=p/run_id=r/rank=00007 or a single pack. Credentials are found as for shipping. Packs of
// a store are read in ranges, so a store takes no more memory than a directory. Naming a run, or
// choosing runs and ranks, saves requests.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runlog/export.hpp"
#include "runlog/record.hpp"
#include "runlog/result.hpp"
#include "runlog/summary.hpp"

namespace runlog {

class SeenRecords;

/// Whether a journal's process lives, and how it ended.
enum class JournalState : std::uint8_t {
  live,       ///< its writer holds LOCK
  complete,   ///< ended by complete(), or by exit(0)
  failed,     ///< ended by fail(), or by exit() with another status, or died after exit()
  cancelled,  ///< ended by cancel()
  crashed,    ///< the writer is dead and wrote no end
  unknown,    ///< in a store that has no end of it: still running, or not yet recovered
};
RUNLOG_EXPORT std::string_view journal_state_name(JournalState state) noexcept;

/// Who wrote a journal and how it ended: from meta.json, end.json and the directory.
struct JournalInfo {
  std::filesystem::path path = {};  ///< journal directory, or the file that was opened
  std::string run_id = {};
  std::string project = {};
  std::string experiment = {};
  std::string name = {};
  std::string group = {};
  std::string parent_run = {};
  std::string parent_session = {};  ///< set in the journal of a forked child
  std::string session = {};         ///< 32 hex digits, random per process
  /// Session of the last dead attempt of this (run, rank) that this one found when it started.
  std::string follows = {};
  std::int64_t rank = 0;
  std::int64_t world = 1;
  /// 1, 2, … among the journals of this (run, rank) without forks: each after the one that it
  /// follows, others by start time.
  int attempt = 1;
  std::string host = {};
  std::int64_t pid = 0;
  std::string command_line = {};
  std::string store_url = {};  ///< without secrets; empty: local only
  std::int64_t created_unix_ns = 0;
  JournalState state = JournalState::unknown;
  std::string end_reason = {};  ///< of fail(), or of read_crash(); empty: none is known
  int end_signal = 0;           ///< from the crash marker or the end record; 0: none is known

  // The counts below are filled by summarize() and, as they become known, by Reader.
  std::uint64_t records = 0;
  std::uint64_t records_lost = 0;     ///< to damage
  std::uint64_t records_dropped = 0;  ///< by policy: sum of the gap records
  std::optional<std::int64_t> last_step = {};
  std::int64_t last_time_ns = 0;       ///< 0: no record
  std::uint64_t segments_waiting = 0;  ///< segments in lanes/ that hold records
  std::uint64_t packs_waiting = 0;     ///< packs in packs/: not yet acknowledged by the store
  std::uint64_t blobs_waiting = 0;     ///< artifacts in blobs/: not yet acknowledged
  std::uint64_t packs_shipped = 0;     ///< packs in shipped/: acknowledged, kept until clean
  /// Size of the waiting packs, artifacts and end.json, and of what the waiting segments hold.
  std::uint64_t bytes_waiting = 0;
  /// The objects that the store refuses while it takes others, and why; empty: none.
  std::string refused = {};
};

/// The journals under `path` (a root, a run directory, a journal directory, a store or a single
/// file), ordered by run, rank, start time. Reads meta.json and directories, not records. Costs of
/// a store one request for each 1000 objects, and two for each journal.
/// Errors: not_found, unavailable, unsupported (a server that cannot list). A journal whose
/// meta.json is unreadable is listed with what its path tells. `failures` receives the run
/// directories and parts of journals that could not be read; if it is null, the first one is
/// returned as the error.
RUNLOG_EXPORT Result<std::vector<JournalInfo>> list_journals(
    const std::filesystem::path& path, std::vector<Error>* failures = nullptr);

struct ReadOptions {
  bool apply_rewind = false;                       ///< leave out records that a rewind made void
  std::vector<std::string> runs = {};              ///< globs over run ids (fnmatch); empty: all
  std::vector<std::int64_t> ranks = {};            ///< empty: all
  std::optional<std::int64_t> since_unix_ns = {};  ///< skip earlier records, and packs of such
  /// Compare each pack of a store that is read to its end with the digest that the store keeps; a
  /// difference is damage. Costs one more request for each pack.
  bool check_digests = false;
  /// Compare the summary in the footer of each pack with its records; a difference is damage that
  /// loses no record. For readers of all records.
  bool check_summaries = false;
};

/// Streams records merged by time across lanes, ranks and attempts; records with equal time have
/// the order (session, lane, seq). Times may go back (Run::at(), a clock that was set, another
/// host's clock), but the records of a lane keep their order, and an attempt comes after the one
/// that it follows. Memory: a few hundred bytes per pack; one row group (up to about 20 MiB) per
/// pack that overlaps the current time, which is one or two per rank; and for a live journal one
/// segment (4 MiB) per lane. Not thread-safe; use one Reader per thread.
class RUNLOG_EXPORT Reader {
 public:
  struct Entry {
    Record record = {};
    const JournalInfo* journal = nullptr;  ///< owned by the Reader
  };

  /// Opens a consistent view: it has every record whose log call had returned before this call.
  /// Errors: not_found, corrupt (nothing readable), unsupported.
  static Result<Reader> open(const std::filesystem::path& path, ReadOptions options = {});
  ~Reader();
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;

  /// Reads the next record; false at the end. The entry's views live until the next call.
  bool next(Entry& entry);

  [[nodiscard]] const std::vector<JournalInfo>& journals() const noexcept;

  /// The damage in what was read, in that order. Complete once next() has returned false.
  [[nodiscard]] const std::vector<Damage>& damage() const noexcept;

  /// Objects that a store did not return, because it could not be reached, did not answer in time
  /// or refused (Errc::unavailable, read_only), and files and directories that could not be opened
  /// (Errc::io). This is no damage: their records may be whole, and a later attempt may read them.
  /// Each message names the object and what failed. Complete once next() has returned false. While
  /// it is not empty, damage() does not contain missing packs.
  [[nodiscard]] const std::vector<Error>& failures() const noexcept;

 private:
  friend class Follower;
  struct State;
  explicit Reader(std::unique_ptr<State> state);
  /// Opens what is not in `seen`, whose keys are sessions.
  static Result<Reader> open_but(const std::filesystem::path& path, ReadOptions options,
                                 const std::map<std::string, SeenRecords>* seen);
  std::unique_ptr<State> state_;
};

/// list_journals() with the counts filled in. Reads only the footers of packs, so damage in their
/// rows goes unnoticed (Reader and `runlog verify` find it), but every record of segments. When a
/// journal has no end.json, it also reads one column of its last row group. `failures`: as
/// Reader::failures; if it is null, the first one is returned as the error.
RUNLOG_EXPORT Result<std::vector<JournalInfo>> summarize(const std::filesystem::path& path,
                                                         std::vector<Damage>* damage = nullptr,
                                                         std::vector<Error>* failures = nullptr);

/// A journal with the summaries of its series and its facts.
struct JournalSummary {
  JournalInfo info = {};
  std::vector<SeriesSummary> series = {};  ///< by kind and name
  /// By time: the last value of each param, the last value or removal of each tag, the first value
  /// of each property, and all files, children and status records.
  std::vector<Fact> facts = {};
};

/// summarize(), and a summary of each series, as if Reader had read all records. Reads only the
/// footers of packs, so damage in their rows goes unnoticed, and the numbers are those of the
/// footers (`runlog verify` compares them). Packs without a summary (of an earlier version, or with
/// very many series and files) are decoded, one after the other.
RUNLOG_EXPORT Result<std::vector<JournalSummary>> summarize_series(
    const std::filesystem::path& path, std::vector<Damage>* damage = nullptr,
    std::vector<Error>* failures = nullptr);

/// Yields the new records of a journal, run or root since the last poll. Does not take the URL of a
/// store. Not thread-safe.
class RUNLOG_EXPORT Follower {
 public:
  static Result<Follower> open(const std::filesystem::path& path, ReadOptions options = {});
  ~Follower();
  Follower(Follower&&) noexcept;
  Follower& operator=(Follower&&) noexcept;

  /// Calls `visit` for each record that it has not yielded yet, by time within this poll. Returns
  /// whether any writer is still alive; once it has returned false, there are no more records.
  Result<bool> poll(const std::function<void(const Reader::Entry&)>& visit);

 private:
  struct State;
  explicit Follower(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// The result of salvage_image.
struct SalvageReport {
  std::uint64_t segments = 0;
  std::uint64_t records = 0;
  std::vector<Damage> damage = {};
};

/// Finds journal segments anywhere in `path` (a core dump, a disk image, a file with a lost name)
/// by their header, at any 8-byte boundary, and visits their records, segment by segment in file
/// order. `session` in the entry's JournalInfo tells which journal a segment belongs to.
RUNLOG_EXPORT Result<SalvageReport> salvage_image(
    const std::filesystem::path& path, const std::function<void(const Reader::Entry&)>& visit);

/// Appends one line of JSON (without a newline) with the keys t (nanoseconds since 1970), run,
/// rank, session, lane, seq, kind, name, step, value (the number, or else the text; NaN and
/// infinities are "NaN", "Infinity", "-Infinity"), and, where present, text (beside a number) and
/// payload (hex). Always valid UTF-8.
RUNLOG_EXPORT void append_json(const Reader::Entry& entry, std::string& out);

}  // namespace runlog
