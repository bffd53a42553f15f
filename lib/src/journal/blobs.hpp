// Blobs: artifacts staged in the journal, named by the SHA-256 of their content. A blob is complete
// and synced before it gets its name, and gets its name before any record mentions it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "journal/disk_room.hpp"
#include "journal/journal_dir.hpp"
#include "platform/file_copy.hpp"
#include "runlog/result.hpp"

namespace runlog {

struct Blob {
  std::string sha256 = {};
  std::uint64_t bytes = 0;
  /// What happened to the source meanwhile.
  enum class Source : std::uint8_t {
    still,
    grew,  ///< the blob is what the file began with, as long as it was at the call
    torn,  ///< it changed while it was read, twice: the blob is some mixture of its versions
  };
  Source source = Source::still;
};

/// Copies the regular file `source` into `directory`, as far as it reaches at the call. A reflink
/// where the file system has them, else a copy in which holes stay holes. Nothing in the journal
/// refers to `source` afterwards, and nothing is left of a copy that fails.
/// Errors: invalid_argument (not a regular file, or one whose size the kernel does not tell),
/// not_found, no_space (the disk or the artifact budget; mostly known before the first byte is
/// copied), io.
/// Where the disk has no room for it, copies of what the store has go, by way of `room`.
Result<Blob> stage_file(const JournalDir& directory, DiskRoom& room,
                        const std::filesystem::path& source, Links links = Links::follow);

/// The same of bytes in memory. Errors: no_space, io.
Result<Blob> stage_bytes(const JournalDir& directory, DiskRoom& room,
                         std::span<const std::byte> bytes);

}  // namespace runlog
