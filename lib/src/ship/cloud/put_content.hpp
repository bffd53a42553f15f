// The digests of a file that is to be put: one pass, then remembered, because a store that is down
// is asked about the same pack many times.
#pragma once

#include <filesystem>

#include "platform/file_system.hpp"
#include "runlog/result.hpp"
#include "ship/cloud/dialect.hpp"

namespace runlog {

class PutDigests {
 public:
  /// Reads `file` unless it was the last one asked for and has not changed since.
  [[nodiscard]] Result<PutContent> of(const std::filesystem::path& file, bool with_crc32c);

 private:
  PutContent last_;
  FileStat last_stat_;
};

}  // namespace runlog
