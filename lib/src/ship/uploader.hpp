// Uploader: one pass over what a journal has waiting for its store. What is acknowledged moves to
// shipped/ (or is removed); everything else stays where it is.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>

#include "journal/journal_dir.hpp"
#include "journal/meta.hpp"
#include "ship/object_store.hpp"

namespace runlog {

struct UploadOutcome {
  std::uint64_t packs = 0;    ///< acknowledged in this pass
  std::uint64_t bytes = 0;    ///< of packs and blobs
  std::uint64_t records = 0;  ///< in those packs
  std::uint64_t waiting = 0;  ///< objects that still wait
  bool rejected = false;      ///< one of them for good
  Error error = {};           ///< the first, if any
  Error note = {};            ///< what the owner should know though all is well
  /// The store asked to be left alone for so long.
  std::chrono::milliseconds not_before{0};
  bool needs_owner = false;   ///< waiting alone will not help
  bool store_failed = false;  ///< not one object's trouble: the store takes none now
  bool has_meta = false;      ///< meta.json is in the store
};

struct UploadOptions {
  bool keep_shipped = true;  ///< false: remove packs and blobs once acknowledged
  bool has_meta = false;     ///< an earlier pass has seen meta.json into the store
  /// Asked for each pack found: true for one whose segments are still in lanes/. Such a pack is not
  /// there yet: shipped now, and its job killed now, its segments would be packed once more.
  std::function<bool(std::uint32_t)> is_held_back = {};
  std::stop_token stop = {};
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
};

/// meta.json first, then blobs, then packs in order, then end.json: a pack in the store never names
/// a blob that is not there, and an end says that everything before it has arrived.
UploadOutcome upload_waiting(const JournalDir& directory, const Meta& meta, ObjectStore& store,
                             const UploadOptions& options);

/// Whether there is something to upload: packs, blobs or an end.
[[nodiscard]] bool has_uploads(const JournalDir& directory);
/// Whether lanes/ has segments: records not yet packed, or spares.
[[nodiscard]] bool has_segments(const JournalDir& directory);

/// Rows in a pack; 0 when it cannot be read.
[[nodiscard]] std::uint64_t rows_in_pack(const std::filesystem::path& path);

}  // namespace runlog
