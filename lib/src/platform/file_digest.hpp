// The SHA-256 of a file's content.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "runlog/result.hpp"

namespace runlog {

struct FileDigest {
  std::string sha256;  ///< in hex
  std::uint64_t bytes = 0;
};
/// Of an open file, from its beginning to wherever it ends; `path` is for messages. Errors: io.
[[nodiscard]] Result<FileDigest> digest_of_file(int fd, const std::filesystem::path& path);

/// The same by name. Errors: also invalid_argument: it is not a regular file.
[[nodiscard]] Result<std::string> sha256_of_file(const std::filesystem::path& path);

}  // namespace runlog
