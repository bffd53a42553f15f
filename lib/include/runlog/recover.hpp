// recover: packs and ships what dead processes left, with the code of a live run. `runlog-recover`
// uses this header.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "runlog/export.hpp"
#include "runlog/reader.hpp"
#include "runlog/result.hpp"

namespace runlog {

/// What a recover() passes on to the next one about the stores: connections, credentials, and how
/// long to leave alone a store that was busy or refused. For programs that call recover()
/// repeatedly, as `runlog-recover --watch` does. Serves one call at a time and must outlive it.
class RUNLOG_EXPORT StoreMemory {
 public:
  StoreMemory();
  ~StoreMemory();
  StoreMemory(const StoreMemory&) = delete;
  StoreMemory& operator=(const StoreMemory&) = delete;

  struct State;
  /// For recover().
  [[nodiscard]] State& begin_look();

 private:
  std::unique_ptr<State> state_;
};

/// How far a recover() has come.
struct RecoverProgress {
  std::size_t journals_done = 0;    ///< passed to on_outcome
  std::size_t journals = 0;         ///< in all
  std::uint64_t bytes_shipped = 0;  ///< of packs and artifacts that have arrived
  /// Of packs and artifacts that still wait, and of segments that are not packed yet, which shrink
  /// when they are packed. Kept copies that are shipped once more count when their turn comes.
  std::uint64_t bytes_waiting = 0;
  std::string run_id = {};  ///< of the current or last journal
};

struct RecoverOptions {
  std::string store = {};              ///< overrides the URL in meta.json; empty: use that one
  std::vector<std::string> runs = {};  ///< globs over run ids; empty: all
  bool dry_run = false;                ///< report only; take no lock, write nothing
  bool keep = false;                   ///< leave recovered segments in torn/ even when undamaged
  /// Ship once more the kept copies of what has been shipped, as after the store was emptied. This
  /// is done anyway when `store` is another store than before. A journal's end is sent only to a
  /// store that has all of the journal: when the store and the journal both lack something, the
  /// message names it and the journal waits.
  bool again = false;
  /// Count as damaged what both such a store and the journal lack, and send the end. For data of
  /// which no copy exists: the old store is gone, or the machine lost its power before the records
  /// were synced.
  bool accepts_missing = false;
  /// Take a journal of another host on NFS, SMB, Lustre and the like for dead when no lock is seen.
  /// Without it such a journal waits: not every mount shows the locks of other hosts.
  bool trusts_network_locks = false;
  /// Work on journals of other users as well, which the superuser may. Without it they are left
  /// alone: whoever may write to a root can put files there that lead elsewhere. A journal is its
  /// directory's owner's; one that every user may write to, or that lies in another user's run
  /// directory, is nobody's.
  bool any_owner = false;
  /// Ship a journal of this user to the store that it names. False: for who acts for that user with
  /// credentials of his own.
  bool believes_own = true;
  /// URLs of stores to which any journal may ship that names one of them, or a place below one that
  /// is no directory, with the same parameters; such a journal gets what secrets the URL has. A
  /// journal of another user, or one that is not to be believed, waits where it names a store that
  /// is not among them.
  std::vector<std::string> trusted_stores = {};
  /// For all shipping together. A store that is busy or does not answer is asked again until then;
  /// a journal whose store needs its owner (permissions, a missing bucket) does not wait.
  std::chrono::milliseconds timeout = std::chrono::minutes(10);
  bool retries = true;  ///< false: ask each store once, because the next call comes soon
  /// Called once per store with the reason for waiting for it.
  std::function<void(const std::string& message)> on_wait = {};
  /// Called for each run directory that cannot be read; recover() goes on without it.
  std::function<void(const Error& error)> on_unread = {};
  /// Called when the work begins, before each journal, after each object that has arrived, and
  /// after on_outcome.
  std::function<void(const RecoverProgress&)> on_progress = {};
  std::string torchelastic_error_file = {};  ///< read for the reason of a crash, if set
  /// Shared by successive calls; null: each call starts without knowledge of the stores.
  StoreMemory* memory = nullptr;
};

/// What became of one journal.
struct RecoverOutcome {
  enum class Verdict : std::uint8_t {
    shipped,  ///< everything is in its store (or packed, where no store is named)
    live,     ///< its writer, or another recovery, holds the lock: nothing was done
    waiting,  ///< something could not be shipped or packed yet; all of it is still on disk
    failed,   ///< nothing could be done with the journal; see message
    foreign,  ///< another user's: nothing in it was looked at; see RecoverOptions::any_owner
  };
  /// Of a foreign one only path, run_id and, if it is not a whole run directory, rank.
  JournalInfo journal = {};
  std::uint32_t owner = 0;  ///< of a foreign one: the number of the user
  Verdict verdict = Verdict::failed;
  std::uint64_t records_kept = 0;     ///< read from segments and packed by this call
  std::uint64_t records_damaged = 0;  ///< lost to damage
  std::uint64_t records_dropped = 0;  ///< counted by gap records among those kept
  std::uint64_t packs_shipped = 0;
  std::uint64_t bytes_shipped = 0;
  std::vector<Damage> damage = {};
  std::string message = {};  ///< why it waits or failed, and what to do
};
RUNLOG_EXPORT std::string_view verdict_name(RecoverOutcome::Verdict verdict) noexcept;

/// Packs and ships every journal under `root` whose writer is gone. Calls `on_outcome` after each,
/// from the calling thread. One bad journal never stops the others. Safe to repeat, to interrupt
/// (stop token, SIGKILL), and to run several times at once. Blocks. Errors: `root` cannot be read.
RUNLOG_EXPORT Result<std::vector<RecoverOutcome>> recover(
    const std::filesystem::path& root, const RecoverOptions& options,
    const std::function<void(const RecoverOutcome&)>& on_outcome = {},
    const std::stop_token& stop = {});

/// What clean() did to one pack or blob, or why it left a whole journal alone.
struct CleanedFile {
  std::filesystem::path path = {};
  std::uint64_t bytes = 0;
  bool removed = false;
  bool is_foreign = false;  ///< another user's journal or run directory, left alone
  /// "the store has other bytes under …", "not in the store; …"; empty when it was removed, or, in
  /// a dry run, would have been.
  std::string why_kept = {};
};

/// Removes local copies of shipped packs and blobs. Reads each back from the store first and
/// compares it by SHA-256. Removes the packs of live journals too (a pack in shipped/ is final),
/// but not their blobs. `dry_run` removes nothing. Leaves the journals of other users alone, but
/// with `any_owner`; then they need a `store_override`, as no store that they name is asked.
/// Blocks.
RUNLOG_EXPORT Result<std::vector<CleanedFile>> clean(const std::filesystem::path& root,
                                                     const std::string& store_override,
                                                     bool dry_run, bool any_owner = false);

}  // namespace runlog
