// recover: finish the job of writers that are gone. The same code packs and ships as in a live run;
// `runlog-recover` is a face on this header.
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

/// What one recover() learns of the stores and the next should know: connections, credentials, and
/// until when a store that was busy, or closed to us, is left alone. For who looks again and again,
/// as `runlog-recover --watch` does. Serves one call at a time and must outlive it.
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
  std::size_t journals_done = 0;    ///< told to on_outcome
  std::size_t journals = 0;         ///< all that are to be worked on
  std::uint64_t bytes_shipped = 0;  ///< packs and artifacts that have arrived
  /// Packs and artifacts that still wait, and what is written of segments that are not packed yet,
  /// which becomes less. Kept copies that are shipped once more count from when their turn comes.
  std::uint64_t bytes_waiting = 0;
  std::string run_id = {};  ///< of the journal that is worked on, or was last
};

struct RecoverOptions {
  std::string store = {};              ///< overrides the URL in meta.json; empty: use that one
  std::vector<std::string> runs = {};  ///< globs over run ids; empty: all
  bool dry_run = false;                ///< report only; take no lock, write nothing
  bool keep = false;                   ///< leave recovered segments in torn/ even when undamaged
  /// Ship the copies that were kept of what has been shipped once more, as after the store was
  /// emptied. With another `store` than before that is done anyway. The end of a journal goes only
  /// to a store that has all of it: what neither the store nor the journal has is told, and the
  /// journal waits.
  bool again = false;
  /// What neither such a store nor the journal has is lost: it is counted as damaged, and the end
  /// goes. For when nobody has it: the old store is gone, or the machine lost its power before the
  /// records were synced.
  bool accepts_missing = false;
  /// Take a journal of another host on NFS, SMB, Lustre and the like for dead when no lock is seen.
  /// Without it such a journal waits: not every mount shows the locks of other hosts.
  bool trusts_network_locks = false;
  /// For all shipping together. A store that does not answer, or not now, is asked again until
  /// then; what only its owner can mend (permissions, a missing bucket) is told at once.
  std::chrono::milliseconds timeout = std::chrono::minutes(10);
  bool retries = true;  ///< false: ask each store once; for who calls again soon
  /// Told, once per store, why it is waited for.
  std::function<void(const std::string& message)> on_wait = {};
  /// Told of each run directory that cannot be looked into. Without it such a one is left out.
  std::function<void(const Error& error)> on_unread = {};
  /// Told when the work begins, before each journal, after each object that has arrived, and after
  /// on_outcome.
  std::function<void(const RecoverProgress&)> on_progress = {};
  std::string torchelastic_error_file = {};  ///< read for the reason of a crash, if set
  /// Kept from call to call by who calls again soon; null: each call begins anew.
  StoreMemory* memory = nullptr;
};

/// What became of one journal.
struct RecoverOutcome {
  enum class Verdict : std::uint8_t {
    shipped,  ///< everything is in its store (or packed, where no store is named)
    live,     ///< its writer, or another recover, holds it: left alone
    waiting,  ///< something could not be shipped or packed yet; all of it is still on disk
    failed,   ///< the journal could not be worked on at all; see message
  };
  JournalInfo journal = {};
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

/// Works through every journal under `root` whose writer is gone. `on_outcome` is called as each is
/// done, from the calling thread. One bad journal never stops the others. Safe to repeat, to
/// interrupt (stop token, SIGKILL), and to run beside itself. Errors: `root` cannot be read.
RUNLOG_EXPORT Result<std::vector<RecoverOutcome>> recover(
    const std::filesystem::path& root, const RecoverOptions& options,
    const std::function<void(const RecoverOutcome&)>& on_outcome = {},
    const std::stop_token& stop = {});

/// What clean() did to one pack or blob.
struct CleanedFile {
  std::filesystem::path path = {};
  std::uint64_t bytes = 0;
  bool removed = false;
  /// "the store has other bytes under …", "not in the store; …"; empty when it was removed, or, in
  /// a dry run, would have been.
  std::string why_kept = {};
};

/// Removes local copies of packs in shipped/ and of blobs whose bytes the store has: each is read
/// back from the store and compared by SHA-256 first. Live journals' packs are cleaned too (a pack
/// in shipped/ is final), their blobs are not. `dry_run` removes nothing.
RUNLOG_EXPORT Result<std::vector<CleanedFile>> clean(const std::filesystem::path& root,
                                                     const std::string& store_override,
                                                     bool dry_run);

}  // namespace runlog
