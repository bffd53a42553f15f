// directories: making and listing them. Other processes may change them meanwhile.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "platform/file_system.hpp"
#include "runlog/result.hpp"

namespace runlog {

/// mkdir -p. `rights`: of the last one, where this call makes it; those above it have of_umask, and
/// nobody but their owner may write to them unless the last one has that, too.
Result<void> make_directories(const std::filesystem::path& path, Rights rights);
/// Removes a directory that is empty.
void try_remove_directory(const std::filesystem::path& path) noexcept;

/// Names in a directory, sorted, without "." and ".."; an absent directory is not_found.
Result<std::vector<std::string>> list_directory(const std::filesystem::path& path);

/// The same, where none is as good as an empty one.
Result<std::vector<std::string>> list_if_there(const std::filesystem::path& path);

/// The same, where an unreadable directory is, too: nothing is removed, sent or called whole
/// because of what is not among them.
std::vector<std::string> names_in_directory(const std::filesystem::path& path);

enum class FileKind : std::uint8_t { absent, regular, directory, link, other };
/// Of what has this name; a link is not followed. What cannot be looked at is absent.
[[nodiscard]] FileKind kind_of_file(const std::filesystem::path& path) noexcept;

struct DirectoryEntry {
  std::string name = {};
  FileKind kind = FileKind::other;  ///< absent: see os_errno
  int os_errno = 0;
};
/// What is in a directory, unsorted, through one descriptor: a directory that is exchanged for a
/// link meanwhile is not followed. `follows`: `path` itself may be a link. Errors:
/// invalid_argument: it is no directory, and may be followed.
Result<std::vector<DirectoryEntry>> list_entries(const std::filesystem::path& path, bool follows);

}  // namespace runlog
