#include "platform/file_system.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <memory>

#include "platform/descriptors.hpp"
#include "platform/directories.hpp"
#include "platform/in_call.hpp"

namespace runlog {
namespace {

template <typename Call>
auto retry(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

/// By its number, which Linux has given it for good: its path may be any.
const dev_t kNull_device = makedev(1, 3);

constexpr std::uint64_t kStat_block_bytes = 512;  // st_blocks counts these, whatever the disk has

FileStat to_file_stat(const struct stat& raw) {
  FileStat result;
  result.bytes = static_cast<std::uint64_t>(raw.st_size);
  result.disk_bytes = static_cast<std::uint64_t>(raw.st_blocks) * kStat_block_bytes;
  result.mtime_ns = std::int64_t{raw.st_mtim.tv_sec} * 1'000'000'000 + raw.st_mtim.tv_nsec;
  result.device = raw.st_dev;
  result.inode = raw.st_ino;
  result.links = raw.st_nlink;
  result.mode = raw.st_mode;
  result.owner = raw.st_uid;
  result.is_directory = S_ISDIR(raw.st_mode);
  result.is_regular = S_ISREG(raw.st_mode);
  result.is_writable_by_all = (raw.st_mode & S_IWOTH) != 0;
  result.is_sticky = (raw.st_mode & S_ISVTX) != 0;
  result.is_null_device = S_ISCHR(raw.st_mode) && raw.st_rdev == kNull_device;
  return result;
}

// Growing a file beyond RLIMIT_FSIZE raises SIGXFSZ, which would end the job. While this lives the
// signal is blocked for this thread, and one that we caused is taken back.
class FileSizeSignalGuard {
 public:
  FileSizeSignalGuard() noexcept {
    ::sigemptyset(&xfsz_);
    ::sigaddset(&xfsz_, SIGXFSZ);
    sigset_t pending;
    ::sigpending(&pending);
    was_pending_ = ::sigismember(&pending, SIGXFSZ) == 1;
    ::pthread_sigmask(SIG_BLOCK, &xfsz_, &before_);
  }
  ~FileSizeSignalGuard() {
    const int saved_errno = errno;
    const timespec none{};
    if (!was_pending_) {
      while (::sigtimedwait(&xfsz_, nullptr, &none) < 0 && errno == EINTR) {
      }
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    errno = saved_errno;
  }
  FileSizeSignalGuard(const FileSizeSignalGuard&) = delete;
  FileSizeSignalGuard& operator=(const FileSizeSignalGuard&) = delete;

 private:
  sigset_t xfsz_{};
  sigset_t before_{};
  bool was_pending_ = false;
};

// What changes files asks this just before: the signal may come at the end of any system call. A
// child that returned into its parent's call (in_call.hpp) is refused, with ECANCELED.
bool is_refused() noexcept {
  if (!is_parents_call()) return false;
  errno = ECANCELED;
  return true;
}

ssize_t write_piece(int fd, std::span<const std::byte> bytes) {
  return is_refused() ? -1 : retry([&] { return ::write(fd, bytes.data(), bytes.size()); });
}
ssize_t write_piece_at(int fd, std::uint64_t offset, std::span<const std::byte> bytes) {
  if (is_refused()) return -1;
  return retry(
      [&] { return ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
}

}  // namespace

void give_rights(int fd, const std::filesystem::path& path, Rights rights) {
  if (rights == Rights::of_umask) return;
  struct stat made {};
  struct stat parent {};
  if (::fstat(fd, &made) != 0) return;
  if (rights == Rights::of_parent) {
    const std::filesystem::path above = path.parent_path();
    if (::stat(above.empty() ? "." : above.c_str(), &parent) != 0) parent = made;
    // Never what had another name before: that is not ours to give away.
    const bool is_new = made.st_uid == 0 && (S_ISDIR(made.st_mode) || made.st_nlink == 1);
    if (::geteuid() == 0 && is_new && parent.st_uid != 0) {
      (void)::fchown(fd, parent.st_uid, parent.st_gid);
    }
  }
  const bool is_for_group = rights == Rights::group || (parent.st_mode & S_IRGRP) != 0;
  mode_t mode = is_for_group ? 0640 : 0600;
  // What the parent has given to a directory (S_ISGID) stays.
  if (S_ISDIR(made.st_mode)) mode = (made.st_mode & S_ISGID) | (is_for_group ? 0750u : 0700u);
  (void)::fchmod(fd, mode);
}

Result<OpenFile> OpenFile::open(const std::filesystem::path& path, int flags, Rights rights) {
  const bool creates = (flags & O_CREAT) != 0;
  if (creates) flags |= O_NOFOLLOW;  // who could have put a link there?
  const unsigned mode = rights == Rights::of_umask ? 0666 : 0600;
  OpenFile file;
  file.fd_ = open_above_2([&] {
    if (creates && is_refused()) return -1;
    // What should be a file may be a FIFO, which would be waited for.
    return retry([&] { return ::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK, mode); });
  });
  if (file.fd_ < 0) {
    return os_error(errno, creates ? "cannot create" : "cannot open", path.native());
  }
  if (creates) give_rights(file.fd_, path, rights);
  return file;
}

Result<OpenFile> OpenFile::open(const std::filesystem::path& path, Access access, Rights rights) {
  switch (access) {
    case Access::read:
      return open(path, O_RDONLY | O_NOCTTY);
    case Access::read_new:
      return open(path, O_RDWR | O_CREAT | O_EXCL, rights);
    case Access::read_emptied:
      return open(path, O_RDWR | O_CREAT | O_TRUNC, rights);
    case Access::write_made:
      return open(path, O_WRONLY | O_CREAT, rights);
    case Access::write_emptied:
      return open(path, O_WRONLY | O_CREAT | O_TRUNC, rights);
    case Access::write_there:
      return open(path, O_WRONLY | O_NOFOLLOW | O_NOCTTY);
    case Access::list:
      break;
  }
  return open(path, O_RDONLY | O_DIRECTORY);
}

void OpenFile::close() noexcept {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));  // Linux: the descriptor is gone even on EINTR.
}

Result<FileStat> stat_file(const std::filesystem::path& path) {
  struct stat raw {};
  if (::stat(path.c_str(), &raw) != 0) return os_error(errno, "cannot stat", path.native());
  return to_file_stat(raw);
}

Result<FileStat> stat_file(int fd, const std::filesystem::path& path) {
  struct stat raw {};
  if (::fstat(fd, &raw) != 0) return os_error(errno, "cannot stat", path.native());
  return to_file_stat(raw);
}

Result<FileStat> stat_name(const std::filesystem::path& path) {
  struct stat raw {};
  if (::lstat(path.c_str(), &raw) != 0) return os_error(errno, "cannot stat", path.native());
  return to_file_stat(raw);
}

bool is_absent(const std::filesystem::path& path) {
  struct stat raw {};
  return ::lstat(path.c_str(), &raw) != 0 && errno == ENOENT;
}

const char* wrong_kind_of_file(const std::filesystem::path& path) {
  const FileKind kind = kind_of_file(path);
  if (kind == FileKind::regular || kind == FileKind::absent) return nullptr;
  return kind == FileKind::link ? "it is a symbolic link, which is not followed"
                                : "it is no regular file";
}

Result<void> check_kind_of_file(const std::filesystem::path& path) {
  const char* const what = wrong_kind_of_file(path);
  if (what == nullptr) return {};
  return Error{Errc::corrupt, 0, path.native() + ": " + what};
}

Result<void> write_all(int fd, std::span<const std::byte> bytes,
                       const std::filesystem::path& path) {
  const FileSizeSignalGuard guard;
  while (!bytes.empty()) {
    const ssize_t done = write_piece(fd, bytes);
    if (done < 0) return os_error(errno, "cannot write", path.native());
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
  return {};
}

Result<void> write_at(int fd, std::uint64_t offset, std::span<const std::byte> bytes,
                      const std::filesystem::path& path) {
  const FileSizeSignalGuard guard;
  while (!bytes.empty()) {
    const ssize_t done = write_piece_at(fd, offset, bytes);
    if (done < 0) return os_error(errno, "cannot write", path.native());
    bytes = bytes.subspan(static_cast<std::size_t>(done));
    offset += static_cast<std::uint64_t>(done);
  }
  return {};
}

Result<std::size_t> read_at(int fd, std::uint64_t offset, std::span<std::byte> target,
                            const std::filesystem::path& path) {
  std::size_t total = 0;
  while (total < target.size()) {
    const ssize_t done = retry([&] {
      return ::pread(fd, target.data() + total, target.size() - total,
                     static_cast<off_t>(offset + total));
    });
    if (done < 0) return os_error(errno, "cannot read", path.native());
    if (done == 0) break;
    total += static_cast<std::size_t>(done);
  }
  return total;
}

Result<void> set_file_bytes(int fd, std::uint64_t bytes, const std::filesystem::path& path) {
  const FileSizeSignalGuard guard;
  if (is_refused() || retry([&] { return ::ftruncate(fd, static_cast<off_t>(bytes)); }) != 0) {
    return os_error(errno, "cannot set the size of", path.native());
  }
  return {};
}

Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t bytes_max) {
  auto file = OpenFile::open(path, O_RDONLY);
  if (!file) return std::move(file).error();
  auto info = stat_file(file->fd(), path);
  if (!info) return std::move(info).error();
  if (!info->is_regular) {
    return Error{Errc::invalid_argument, 0, path.native() + " is not a regular file"};
  }
  if (info->bytes > bytes_max) {
    return Error{Errc::too_large, 0,
                 path.native() + " has " + std::to_string(info->bytes) + " bytes, more than " +
                     std::to_string(bytes_max)};
  }
  std::string text(info->bytes, '\0');
  auto got = read_at(file->fd(), 0, std::as_writable_bytes(std::span(text)), path);
  if (!got) return std::move(got).error();
  text.resize(*got);
  return text;
}

Result<void> write_file_durably(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::path temporary = path;
  temporary += ".tmp";
  {
    auto file = OpenFile::open(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file) return std::move(file).error();
    auto written =
        write_all(file->fd(), std::as_bytes(std::span(bytes.data(), bytes.size())), temporary);
    if (written) written = sync_data(file->fd(), temporary);
    if (!written) {
      (void)remove_file(temporary);
      return written;
    }
  }
  if (auto renamed = rename_file(temporary, path, true); !renamed) return renamed;
  return sync_directory(path.parent_path());
}

Result<void> sync_data(int fd, const std::filesystem::path& path) {
  if (retry([&] { return ::fdatasync(fd); }) != 0) {
    return os_error(errno, "cannot sync", path.native());
  }
  return {};
}

Result<void> sync_directory(const std::filesystem::path& path) {
  auto directory = OpenFile::open(path.empty() ? "." : path, O_RDONLY | O_DIRECTORY);
  if (!directory) return std::move(directory).error();
  return sync_directory(directory->fd(), path);
}

Result<void> sync_directory(int fd, const std::filesystem::path& path) {
  // Some file systems (a few network ones) refuse fsync on a directory; they order renames by
  // themselves.
  if (retry([&] { return ::fsync(fd); }) != 0 && errno != EINVAL) {
    return os_error(errno, "cannot sync directory", path.native());
  }
  return {};
}

Result<void> rename_file(const std::filesystem::path& source, const std::filesystem::path& target,
                         bool replace) {
  if (is_refused()) return os_error(errno, "cannot rename", source.native());
  if (replace) {
    if (::rename(source.c_str(), target.c_str()) == 0) return {};
    return os_error(errno, "cannot rename " + source.native() + " to", target.native());
  }
  if (::renameat2(AT_FDCWD, source.c_str(), AT_FDCWD, target.c_str(), RENAME_NOREPLACE) == 0) {
    return {};
  }
  if (errno == EINVAL || errno == ENOSYS || errno == EPERM || errno == EOPNOTSUPP) {
    // A file system without RENAME_NOREPLACE, or a sandbox that refuses a call it does not know: a
    // hard link fails the same way when the name is taken.
    if (::link(source.c_str(), target.c_str()) == 0) {
      auto removed = remove_file(source);
      if (!removed) ::unlink(target.c_str());  // all of it or nothing
      return removed;
    }
  }
  return os_error(errno, "cannot rename " + source.native() + " to", target.native());
}

void try_remove_file(const std::filesystem::path& path) noexcept {
  if (!is_refused()) (void)::unlink(path.c_str());
}

bool try_empty_and_rename(const std::filesystem::path& source,
                          const std::filesystem::path& target) noexcept {
  return !is_refused() && ::truncate(source.c_str(), 0) == 0 &&
         ::rename(source.c_str(), target.c_str()) == 0;
}

std::optional<std::uint64_t> free_bytes(const std::filesystem::path& path) noexcept {
  struct statvfs room {};
  if (::statvfs(path.c_str(), &room) != 0 || room.f_blocks == 0) return {};
  return std::uint64_t{room.f_bavail} * room.f_frsize;
}

Result<void> remove_file(const std::filesystem::path& path) {
  if (is_refused() || (::unlink(path.c_str()) != 0 && errno != ENOENT)) {
    return os_error(errno, "cannot remove", path.native());
  }
  return {};
}

Result<void> allocate_zeroed(int fd, std::uint64_t bytes, const std::filesystem::path& path) {
  {
    const FileSizeSignalGuard guard;
    int failed = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes));
    while (failed == EINTR) failed = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes));
    // A file system without preallocation, or a sandbox or kernel that does not know the call
    // (ENOSYS, EPERM): the zeros below do the work.
    const bool is_unknown =
        failed == EOPNOTSUPP || failed == EINVAL || failed == ENOSYS || failed == EPERM;
    if (failed != 0 && !is_unknown) {
      return os_error(failed, "cannot preallocate " + std::to_string(bytes) + " bytes at",
                      path.native());
    }
  }
  return zero_file(fd, bytes, path);
}

Result<void> zero_file(int fd, std::uint64_t bytes, const std::filesystem::path& path) {
  // The kernel makes one folio of each write, and syncing one page of a folio write-protects all of
  // it: larger pieces would cost a writer more faults after each sync (62 for 256 KiB, 14 for 64),
  // smaller ones cost more to prepare (4 MiB: 0.9 ms in pieces of 256 or 64 KiB, 1.9 ms of 16).
  static constexpr std::array<std::byte, std::size_t{64} * 1024> kZeros{};
  const FileSizeSignalGuard guard;  // once, not once per piece
  for (std::uint64_t at = 0; at < bytes;) {
    const std::size_t part = std::min<std::uint64_t>(kZeros.size(), bytes - at);
    const ssize_t done = write_piece_at(fd, at, std::span(kZeros).first(part));
    if (done < 0) return os_error(errno, "cannot write", path.native());
    at += static_cast<std::uint64_t>(done);
  }
  return {};
}

}  // namespace runlog
