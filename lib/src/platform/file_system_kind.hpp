// file_system_kind: whether a file system is on this machine or behind a network, as far as
// statfs(2) tells. A journal's promises need a local one: docs/decisions/0009.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>

namespace runlog {

struct FileSystemKind {
  enum class Place : std::uint8_t {
    here,     ///< a disk or memory of this machine, or a number we do not know
    network,  ///< a server: NFS, SMB, Lustre, …
    unclear,  ///< another program serves it, and may do so from anywhere: FUSE, 9p
  };
  Place place = Place::here;
  std::string_view name = {};  ///< for people; empty where `place` is here
};

/// For f_type as statfs(2) returns it.
[[nodiscard]] FileSystemKind file_system_kind(std::uint32_t magic) noexcept;

/// Of the file system of `path`, or of its nearest ancestor that exists. Where statfs fails the
/// answer is `here`: whoever uses the path next gets the error, and can name it.
[[nodiscard]] FileSystemKind file_system_of(const std::filesystem::path& path);

/// file_system_of, or what a test says instead.
using FindFileSystem = std::function<FileSystemKind(const std::filesystem::path&)>;

}  // namespace runlog
