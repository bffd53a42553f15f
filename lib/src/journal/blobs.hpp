// Blobs: artifacts staged in the journal, named by the SHA-256 of their content. A blob is complete
// and synced before it gets its name, and gets its name before any record mentions it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "journal/journal_dir.hpp"
#include "runlog/result.hpp"

namespace runlog {

struct Blob {
  std::string sha256 = {};
  std::uint64_t bytes = 0;
  /// The source changed while it was read, twice: the blob is some mixture of its versions.
  bool is_torn = false;
};

/// Copies the regular file `source` (links are followed) into `directory`. A reflink where the file
/// system has them, else a copy. Nothing in the journal refers to `source` afterwards.
Result<Blob> stage_file(const JournalDir& directory, const std::filesystem::path& source);

Result<Blob> stage_bytes(const JournalDir& directory, std::span<const std::byte> bytes);

/// SHA-256 of a file's content, in hex.
Result<std::string> sha256_of_file(const std::filesystem::path& path);

}  // namespace runlog
