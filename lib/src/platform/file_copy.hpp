// file_copy: what a copy of a user's file needs: which files may be read, clones, holes.
#pragma once

#include <cstdint>
#include <filesystem>

#include "platform/file_digest.hpp"
#include "platform/file_system.hpp"
#include "runlog/result.hpp"

namespace runlog {

/// Whether the last component of a path may be a symbolic link.
enum class Links : std::uint8_t { follow, refuse };

/// Opens a regular file, and nothing that would block or do something when it is opened. Ask
/// check_is_regular() of the descriptor: the name may mean another file by then. Errors:
/// invalid_argument says what it is instead.
[[nodiscard]] Result<OpenFile> open_source(const std::filesystem::path& path, Links links);
[[nodiscard]] Result<void> check_is_regular(const FileStat& file,
                                            const std::filesystem::path& path);
/// Of a file that has 0 bytes: whether that is so. Errors: invalid_argument: a file of the kernel.
[[nodiscard]] Result<void> check_size_is_told(int fd, const std::filesystem::path& path);

/// Makes `target`, which is empty, a clone of `source`, where the file system has them.
[[nodiscard]] bool clone_file(int source, int target) noexcept;
/// Copies the first `bytes` bytes, or as many as there are, and tells their digest. Holes are not
/// written. The paths are for messages.
Result<FileDigest> copy_file(int source, const std::filesystem::path& source_path,
                             std::uint64_t bytes, bool has_holes, int target,
                             const std::filesystem::path& target_path);

}  // namespace runlog
