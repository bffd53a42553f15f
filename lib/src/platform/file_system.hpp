// file_system: the few file operations that runlog needs. They handle EINTR, their descriptors are
// closed on exec, and their errors name the path. Nothing here syncs unless its name says so.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "runlog/result.hpp"

namespace runlog {

/// Who may read a file or directory that is made. Only its owner may write to it.
enum class Rights : std::uint8_t {
  own,        ///< its owner, whatever the umask: 0600, a directory 0700
  group,      ///< its group, too: 0640, 0750
  of_parent,  ///< as the directory in which it is made: `group` where that may be read by its
              ///< group. What the superuser makes gets that directory's owner
  of_umask,   ///< as other programs do it
};

/// What a file is opened for. None waits: a FIFO in the place of a file is opened as it is.
enum class Access : std::uint8_t {
  read,
  read_new,      ///< and write; it must not be there
  read_emptied,  ///< and write; made, or emptied
  write_made,    ///< made if it is not there
  write_emptied,
  write_there,  ///< not made, and no link is followed
  list,         ///< a directory
};

/// Owns a descriptor opened with O_CLOEXEC, whose number is 3 or more.
class OpenFile {
 public:
  OpenFile() noexcept = default;
  ~OpenFile() { close(); }
  OpenFile(OpenFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OpenFile& operator=(OpenFile&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }

  /// `rights`: where the file is made.
  static Result<OpenFile> open(const std::filesystem::path& path, Access access,
                               Rights rights = Rights::of_parent);
  /// For platform/: `flags` as for open(2); O_CLOEXEC and O_NONBLOCK are added.
  static Result<OpenFile> open(const std::filesystem::path& path, int flags,
                               Rights rights = Rights::of_parent);

  [[nodiscard]] int fd() const noexcept { return fd_; }
  [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
  void close() noexcept;
  /// Gives it up without closing it.
  int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

struct FileStat {
  std::uint64_t bytes = 0;
  std::uint64_t disk_bytes = 0;  ///< that its content takes; less than `bytes`: it has holes
  std::int64_t mtime_ns = 0;
  std::uint64_t device = 0, inode = 0, links = 0;
  std::uint32_t mode = 0;  ///< st_mode
  std::uint32_t owner = 0;
  bool is_directory = false, is_regular = false;
  bool is_writable_by_all = false;
  bool is_sticky = false;
  bool is_null_device = false;  ///< /dev/null, or what is linked or mounted to it
};
Result<FileStat> stat_file(const std::filesystem::path& path);
Result<FileStat> stat_file(int fd, const std::filesystem::path& path);
/// Of the name itself: a link is not followed.
Result<FileStat> stat_name(const std::filesystem::path& path);
/// For platform/: gives what this call has just made under that name its rights, whatever the umask
/// has left. Where that is refused (another's file, a file system without modes), it has the rights
/// that it can have.
void give_rights(int fd, const std::filesystem::path& path, Rights rights);
/// Whether there is nothing of this name, not even a link to nowhere.
bool is_absent(const std::filesystem::path& path);
/// A file of a journal is a regular one: another kind is not its writer's, and a link is not
/// followed. Says what it is else ("it is a symbolic link, …"); nullptr: it is one, or absent.
const char* wrong_kind_of_file(const std::filesystem::path& path);
/// The same as an error: corrupt.
Result<void> check_kind_of_file(const std::filesystem::path& path);

/// Writes all of `bytes` at the file's position. `path` is for the message.
Result<void> write_all(int fd, std::span<const std::byte> bytes, const std::filesystem::path& path);
/// Writes all of `bytes` at `offset`.
Result<void> write_at(int fd, std::uint64_t offset, std::span<const std::byte> bytes,
                      const std::filesystem::path& path);
/// Reads up to `target.size()` bytes at `offset`; returns how many there were.
Result<std::size_t> read_at(int fd, std::uint64_t offset, std::span<std::byte> target,
                            const std::filesystem::path& path);

/// Makes the file `bytes` long; what is added is a hole. As all writing here: no SIGXFSZ.
Result<void> set_file_bytes(int fd, std::uint64_t bytes, const std::filesystem::path& path);

/// The whole file; too_large beyond `bytes_max`.
Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t bytes_max);

/// Writes `bytes` under a temporary name, syncs, renames onto `path`, syncs the directory. The file
/// has Rights::of_parent.
Result<void> write_file_durably(const std::filesystem::path& path, std::string_view bytes);

Result<void> sync_data(int fd, const std::filesystem::path& path);
Result<void> sync_directory(const std::filesystem::path& path);
/// The same of one that is open; needs no memory where it works.
Result<void> sync_directory(int fd, const std::filesystem::path& path);

/// rename(2). `replace` false: fails with already_exists when `target` is there; works also where
/// renameat2 does not, as long as there are hard links.
Result<void> rename_file(const std::filesystem::path& source, const std::filesystem::path& target,
                         bool replace);
/// unlink(2); an absent file is success.
Result<void> remove_file(const std::filesystem::path& path);
/// The same where there may be no memory for an error, and nobody to hear of it.
void try_remove_file(const std::filesystem::path& path) noexcept;
/// Empties a file and gives it another name, likewise. False: one of them failed.
bool try_empty_and_rename(const std::filesystem::path& source,
                          const std::filesystem::path& target) noexcept;
/// What others may still write where `path` lies. Nothing: it does not tell (some FUSE).
[[nodiscard]] std::optional<std::uint64_t> free_bytes(const std::filesystem::path& path) noexcept;
/// Allocates `bytes` for the file and writes zeros over them, so that a later store through a map
/// finds its block in place: posix_fallocate alone leaves work for the first write, which on a full
/// disk would be a SIGBUS. No SIGXFSZ is raised by it; the limit is reported as no_space.
Result<void> allocate_zeroed(int fd, std::uint64_t bytes, const std::filesystem::path& path);

/// Writes zeros over [0, bytes) of an allocated file.
Result<void> zero_file(int fd, std::uint64_t bytes, const std::filesystem::path& path);

}  // namespace runlog
