// Reader: what is inside a journal, live or dead, a pack, a segment, a run of many ranks, a root of
// many runs, or a store: one API over all of them. It opens everything read-only, takes no lock
// that a writer could wait for, and never trusts a length it reads. Damage and gaps are values.
//
// A path may be the URL of a store: s3://bucket/prefix, or more of it, as far as
// …/project=p/run_id=r/rank=00007 or a single pack. It is taken as given. Credentials come from the
// environment, as for shipping. Packs are read in ranges, so a store of any size is read in the
// memory that a directory takes; naming a run, or choosing runs and ranks, saves requests.
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

/// How a journal stands.
enum class JournalState : std::uint8_t {
  live,       ///< its writer holds LOCK
  complete,   ///< ended by complete(), or by exit(0)
  failed,     ///< ended by fail(), or by exit() with another status, or died after exit()
  cancelled,  ///< ended by cancel()
  crashed,    ///< the writer is gone and wrote no end
  unknown,  ///< seen in a store only, and no end has arrived there (running, or not yet recovered)
};
RUNLOG_EXPORT std::string_view journal_state_name(JournalState state) noexcept;

/// Who wrote a journal and what became of it: meta.json, plus what the directory shows.
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
  /// Session of the last attempt of this (run, rank) that was here when it started, and was dead.
  std::string follows = {};
  std::int64_t rank = 0;
  std::int64_t world = 1;
  /// 1, 2, … among the journals of this (run, rank), forks excluded: each after the one that it
  /// follows, others by start time
  int attempt = 1;
  std::string host = {};
  std::int64_t pid = 0;
  std::string command_line = {};
  std::string store_url = {};  ///< without secrets; empty: local only
  std::int64_t created_unix_ns = 0;
  JournalState state = JournalState::unknown;
  std::string end_reason = {};  ///< of fail(), or of read_crash(); empty: it left no trace
  int end_signal = 0;           ///< where the crash marker or the end record tells it

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
  /// Size of those packs, artifacts and end.json where they wait, and what those segments hold.
  std::uint64_t bytes_waiting = 0;
  /// What the store refuses of it while it takes other objects, and why; empty: nothing.
  std::string refused = {};
};

/// The journals under `path` (a root, a run directory, a journal directory, a store or a single
/// file), ordered by run, rank, start time. Reads meta.json and directories, not records. From a
/// store: one request for each 1000 objects, and two for each journal.
/// Errors: not_found, unavailable, unsupported (a server that cannot list); a journal whose
/// meta.json is unreadable is listed with what its path tells. `failures`: run directories and
/// parts of journals that could not be looked at; without it the first one is the error that is
/// returned.
RUNLOG_EXPORT Result<std::vector<JournalInfo>> list_journals(
    const std::filesystem::path& path, std::vector<Error>* failures = nullptr);

struct ReadOptions {
  bool apply_rewind = false;                       ///< leave out what a later rewind made void
  std::vector<std::string> runs = {};              ///< globs over run ids (fnmatch); empty: all
  std::vector<std::int64_t> ranks = {};            ///< empty: all
  std::optional<std::int64_t> since_unix_ns = {};  ///< skip records before; whole packs too
  /// Compare each pack of a store that is read to its end with the digest that the store keeps
  /// beside it; a difference is damage. One request more for each pack.
  bool check_digests = false;
  /// Compare what the footer of each pack says of its records in sum with the records; a difference
  /// is damage by which no record is lost. For readers of all records.
  bool check_summaries = false;
};

/// Streams records merged by time across lanes, ranks and attempts; records with equal time keep
/// the order (session, lane, seq). Times may go back (Run::at(), a clock that was set, another
/// host's clock): the records of a lane keep their order all the same, and an attempt comes after
/// the one that it follows. Memory: a few hundred bytes per pack; one row group (up to about
/// 20 MiB) per pack that overlaps the current time, so of a run of many ranks one or two per rank;
/// and of a live journal a segment (4 MiB) per lane. Not thread-safe; use one Reader per thread.
class RUNLOG_EXPORT Reader {
 public:
  struct Entry {
    Record record = {};
    const JournalInfo* journal = nullptr;  ///< owned by the Reader
  };

  /// A consistent view of a live journal as of this call: every record whose call had returned
  /// before open() was called is in it. Errors: not_found, corrupt (nothing readable), unsupported.
  static Result<Reader> open(const std::filesystem::path& path, ReadOptions options = {});
  ~Reader();
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;

  /// The next record; false at the end. Views live until the next call.
  bool next(Entry& entry);

  [[nodiscard]] const std::vector<JournalInfo>& journals() const noexcept;

  /// What could not be read, in the order met; complete once next() has returned false.
  [[nodiscard]] const std::vector<Damage>& damage() const noexcept;

  /// What a store did not give: it could not be reached, did not answer in time or refused
  /// (Errc::unavailable, read_only), and files and directories that could not be opened (Errc::io).
  /// No damage: the records may be whole there, and another reading may bring them. Each message
  /// names the object and what failed. Complete once next() has returned false; while it is not
  /// empty, damage() says nothing of missing packs.
  [[nodiscard]] const std::vector<Error>& failures() const noexcept;

 private:
  friend class Follower;
  struct State;
  explicit Reader(std::unique_ptr<State> state);
  /// `seen`: by session.
  static Result<Reader> open_but(const std::filesystem::path& path, ReadOptions options,
                                 const std::map<std::string, SeenRecords>* seen);
  std::unique_ptr<State> state_;
};

/// Fills the counts of each JournalInfo in `path`, one journal after the other. Of packs only the
/// footers are read, so damage in their rows goes unnoticed (Reader and `runlog verify` find it);
/// of segments, which are not yet packed, every record. Where no end.json tells how a journal
/// ended, one column of its last row group is read, too. `failures` as Reader::failures; without it
/// the first one is the error that is returned.
RUNLOG_EXPORT Result<std::vector<JournalInfo>> summarize(const std::filesystem::path& path,
                                                         std::vector<Damage>* damage = nullptr,
                                                         std::vector<Error>* failures = nullptr);

/// A journal, what its records come to, and what they say of the run.
struct JournalSummary {
  JournalInfo info = {};
  std::vector<SeriesSummary> series = {};  ///< by kind and name
  /// By time. Of a param only the last is here, of a tag the last or its removal, of a property the
  /// first, and all files, children and status records.
  std::vector<Fact> facts = {};
};

/// summarize(), and what the records of each series come to: as if Reader had read them all. Of
/// packs only the footers are read, so damage in their rows goes unnoticed, and the numbers are as
/// true as the footers (`runlog verify` compares them); but packs of an earlier version, and packs
/// of so many series and files that their footers do not tell, are decoded, one after the other.
RUNLOG_EXPORT Result<std::vector<JournalSummary>> summarize_series(
    const std::filesystem::path& path, std::vector<Damage>* damage = nullptr,
    std::vector<Error>* failures = nullptr);

/// Yields what is new in a journal, run or root since the last poll. Not for the URL of a store.
class RUNLOG_EXPORT Follower {
 public:
  static Result<Follower> open(const std::filesystem::path& path, ReadOptions options = {});
  ~Follower();
  Follower(Follower&&) noexcept;
  Follower& operator=(Follower&&) noexcept;

  /// Calls `visit` for each record not seen yet, whatever its time (by time within the poll).
  /// Returns whether any writer is still alive; after false has been returned nothing more will
  /// come.
  Result<bool> poll(const std::function<void(const Reader::Entry&)>& visit);

 private:
  struct State;
  explicit Follower(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// What salvage_image found.
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

/// Appends one line of JSON (no newline) with the keys t, run, rank, session, lane, seq, kind,
/// name, step, value (a number, or a string: text; NaN and infinities as "NaN", "Infinity",
/// "-Infinity"), and, where present, text (beside a numeric value) and payload (hex). Always valid
/// UTF-8.
RUNLOG_EXPORT void append_json(const Reader::Entry& entry, std::string& out);

}  // namespace runlog
