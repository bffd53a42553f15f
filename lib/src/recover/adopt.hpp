// Adopt: take over the journal of a dead process and finish its job: seal by reading, pack, ship.
// Used by runlog-recover for whole roots and by a live run for its forked children and its
// predecessors.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "journal/journal_dir.hpp"
#include "journal/meta.hpp"
#include "platform/file_system_kind.hpp"
#include "runlog/recover.hpp"
#include "ship/uploader.hpp"
#include "store/store_set.hpp"

namespace runlog {

/// Whether another host may hold the journal's lock without our seeing it: it was written on
/// another one, and lies on a network file system, where locks reach other hosts or do not (nolock,
/// localflock).
[[nodiscard]] bool may_lock_be_unseen(const JournalDir& directory, const Meta& meta,
                                      const FindFileSystem& find_file_system);

struct AdoptOptions {
  StoreSet* stores = nullptr;  ///< must be set
  std::string store_override = {};
  bool dry_run = false;
  bool keep = false;
  bool again = false;                 ///< ship kept copies once more
  bool spares_others = false;         ///< other journals' copies may be all there is of them
  bool accepts_missing = false;       ///< what a store that has moved lacks is lost
  bool trusts_network_locks = false;  ///< else: see may_lock_be_unseen
  std::string torchelastic_error_file = {};
  UploadOptions upload = {};
  FindFileSystem find_file_system = file_system_of;
};

/// The store an adoption ships to; empty: none is named. `meta` as of read_meta.
[[nodiscard]] std::string store_url_of(const Meta& meta, const AdoptOptions& options);

/// Works on one journal. `outcome.journal` has path and meta filled in on return. `upload`, if
/// given, tells how shipping went; may be repeated for what waits.
[[nodiscard]] RecoverOutcome adopt_journal(const std::filesystem::path& path,
                                           const AdoptOptions& options,
                                           UploadOutcome* upload = nullptr);

/// Whether everything of it has been shipped, or packed where it names no store. Cheap: directory
/// listings only; does not touch LOCK.
[[nodiscard]] bool is_done(const JournalDir& directory, bool has_store);

}  // namespace runlog
