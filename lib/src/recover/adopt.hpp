// Adopt: take over the journal of a dead process and finish it: read its segments, pack, ship. Used
// by runlog-recover for whole roots, and by a live run for its forked children and earlier
// attempts.
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

/// Whether another host may hold the journal's lock and we cannot see it: the journal was written
/// on another host, and lies on a network file system, where locks may not reach other hosts
/// (nolock, localflock).
[[nodiscard]] bool may_lock_be_unseen(const JournalDir& directory, const Meta& meta,
                                      const FindFileSystem& find_file_system);

struct AdoptOptions {
  StoreSet* stores = nullptr;  ///< must be set
  std::string store_override = {};
  bool believes_meta = true;  ///< without an override: that it ships where its meta.json says
  bool dry_run = false;
  bool keep = false;
  bool again = false;                 ///< ship kept copies once more
  bool spares_others = false;         ///< other journals' copies may be all there is of them
  bool accepts_missing = false;       ///< count as lost what the new store and the journal lack
  bool trusts_network_locks = false;  ///< else: see may_lock_be_unseen
  std::string torchelastic_error_file = {};
  UploadOptions upload = {};
  FindFileSystem find_file_system = file_system_of;
};

/// The store an adoption ships to; empty: none is named. `meta` as of read_meta.
[[nodiscard]] std::string store_url_of(const Meta& meta, const AdoptOptions& options);

/// Packs and ships one journal. Does not fill in the outcome's `journal`. `upload`, if given,
/// receives the result of shipping. May be called again for what waits.
[[nodiscard]] RecoverOutcome adopt_journal(const std::filesystem::path& path,
                                           const AdoptOptions& options,
                                           UploadOutcome* upload = nullptr);

/// Whether everything in the journal has been shipped, or packed if it has no store. Cheap: lists
/// directories, then reads the tally, and does not touch LOCK.
[[nodiscard]] bool is_done(const JournalDir& directory, bool has_store);

}  // namespace runlog
