// Uploader: one pass over the files of a journal that wait for its store. Acknowledged files are
// moved to shipped/ (or removed); all others stay. Only the end waits for a refused object.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <stop_token>

#include "journal/journal_dir.hpp"
#include "journal/meta.hpp"
#include "ship/refusals.hpp"
#include "store/object_store.hpp"

namespace runlog {

struct UploadOutcome {
  std::uint64_t packs = 0;    ///< acknowledged in this pass
  std::uint64_t bytes = 0;    ///< of packs and blobs
  std::uint64_t records = 0;  ///< in those packs
  std::uint64_t waiting = 0;  ///< objects that still wait
  std::uint64_t refused = 0;  ///< of those, set aside: the store takes others
  bool rejected = false;      ///< one of them for good
  Error error = {};           ///< the first, if any
  Error note = {};            ///< what the owner should know though all is well
  /// With `store_failed`: beside the usual backoff, leave the store alone for so long.
  std::chrono::milliseconds not_before{0};
  /// When the first of those that are set aside is to be asked for again.
  std::chrono::steady_clock::time_point refused_due = std::chrono::steady_clock::time_point::max();
  bool needs_owner = false;   ///< waiting alone will not help
  bool store_failed = false;  ///< not one object's trouble: the store took none of this journal
  bool store_is_ill = false;  ///< with `store_failed`: nor need it be asked for another journal
  bool store_needs_owner = false;  ///< with `store_failed`: only its owner can help
  bool went_through = false;       ///< something did
  bool end_is_held = false;        ///< all else has arrived, and before_end() forbids the end
  bool has_meta = false;           ///< meta.json is in the store
};

struct UploadOptions {
  bool keep_shipped = true;  ///< false: remove packs and blobs once acknowledged
  bool has_meta = false;     ///< an earlier pass has seen meta.json into the store
  /// Asked for each pack found: true for one whose segments are still in lanes/. Such a pack is not
  /// there yet: shipped now, and its job killed now, its segments would be packed once more.
  std::function<bool(std::uint32_t)> is_held_back = {};
  /// Told of the pack that is about to be put, and of none when it has moved on, or has not.
  std::function<void(std::optional<std::uint32_t>)> sends = {};
  /// Told of a pack that has arrived, before it moves on.
  std::function<void(std::uint32_t)> arrived = {};
  /// Told of a pack that was put in vain: it may have arrived.
  std::function<void(std::uint32_t)> in_doubt = {};
  /// Asked before each blob and pack is put: false where it is no longer what it was, and has been
  /// moved away.
  std::function<Result<bool>(const std::filesystem::path&)> check = {};
  /// Told when a pass knows what waits, and after each object: the bytes of packs and blobs that
  /// have arrived in it, and of those that still wait.
  std::function<void(std::uint64_t shipped, std::uint64_t waiting)> on_progress = {};
  /// What the store has refused so far; null: nothing is known, nor remembered.
  Refusals* refusals = nullptr;
  /// While so many objects of the journal wait that failed, perhaps by the store's fault, and
  /// nothing gets through, only those are asked for: no further pack comes to be in doubt.
  std::size_t suspects_max = std::numeric_limits<std::size_t>::max();
  bool asks_refused = false;  ///< also for what is not due: somebody may just have mended it
  /// Called before something that has arrived moves on.
  std::function<Result<void>()> before_move = {};
  /// Asked before end.json is put, when all else has arrived.
  std::function<Result<void>()> before_end = {};
  std::stop_token stop = {};
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
};

/// meta.json first, then blobs, then packs in order, then what has failed before, then end.json,
/// which says that everything else has arrived. A pack in the store names no blob that is not
/// there, unless the store has refused that blob.
UploadOutcome upload_waiting(const JournalDir& directory, const Meta& meta, ObjectStore& store,
                             const UploadOptions& options);

/// The file that says what a store refuses of a journal, at most.
inline constexpr std::uint64_t kRefused_bytes_max = 4096;

/// Whether there is something to upload: packs, blobs or an end.
[[nodiscard]] bool has_uploads(const JournalDir& directory);
/// Whether lanes/ has segments: records not yet packed, or spares.
[[nodiscard]] bool has_segments(const JournalDir& directory);

/// Rows in a pack; 0 when it cannot be read.
[[nodiscard]] std::uint64_t rows_in_pack(const std::filesystem::path& path);

}  // namespace runlog
