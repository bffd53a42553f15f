#include "platform/directories.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>

#include "platform/descriptors.hpp"

namespace runlog {
namespace {

FileKind kind_of(mode_t mode) noexcept {
  if (S_ISREG(mode)) return FileKind::regular;
  if (S_ISDIR(mode)) return FileKind::directory;
  return S_ISLNK(mode) ? FileKind::link : FileKind::other;
}

// Calls visit(descriptor, name) for each name but "." and "..".
template <typename Visit>
Result<void> for_each_name(const std::filesystem::path& path, int flags, Visit visit) {
  const int fd = open_above_2([&] {
    return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC | flags);
  });
  if (fd < 0) return os_error(errno, "cannot list", path.native());
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::fdopendir(fd), &::closedir);
  if (!directory) {
    const int os_errno = errno;
    ::close(fd);
    return os_error(os_errno, "cannot list", path.native());
  }
  errno = 0;
  // The directory stream is this call's own, which is all that readdir asks for on Linux.
  while (const dirent* entry = ::readdir(directory.get())) {  // NOLINT(concurrency-mt-unsafe)
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") visit(fd, entry->d_name);
    errno = 0;
  }
  if (errno != 0) return os_error(errno, "cannot list", path.native());
  return {};
}

// False, with errno: it is not there, or was before.
bool make_directory(const std::filesystem::path& path, Rights rights) {
  if (rights == Rights::of_umask) return ::mkdir(path.c_str(), 0777) == 0;
  if (::mkdir(path.c_str(), 0700) != 0) return false;
  struct stat made {};
  // To open it: of the right to do so the umask may have left none.
  if (::lstat(path.c_str(), &made) == 0) (void)::chmod(path.c_str(), made.st_mode | S_IRWXU);
  const auto directory = OpenFile::open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (directory) give_rights(directory->fd(), path, rights);
  return true;
}

}  // namespace

Result<void> make_directories(const std::filesystem::path& given, Rights rights) {
  const std::filesystem::path path = given.has_filename() ? given : given.parent_path();
  const mode_t mode_above = rights == Rights::of_umask ? 0777 : 0755;
  struct stat there {};
  if (::stat(path.c_str(), &there) == 0 && S_ISDIR(there.st_mode)) return {};
  // Again when a parent is removed meanwhile, as by a start that fails next to us.
  for (int attempts_left = 3;; --attempts_left) {
    std::filesystem::path so_far;
    int os_errno = 0;
    for (const auto& part : path) {
      so_far /= part;
      const bool is_made =
          so_far == path ? make_directory(path, rights) : ::mkdir(so_far.c_str(), mode_above) == 0;
      if (is_made || errno == EEXIST) continue;
      os_errno = errno;
      struct stat raw {};
      // A read-only or foreign parent that exists already answers EROFS or EACCES, not EEXIST.
      if (::stat(so_far.c_str(), &raw) != 0 || !S_ISDIR(raw.st_mode)) break;
      os_errno = 0;
    }
    struct stat raw {};
    if (os_errno == 0 && ::stat(path.c_str(), &raw) != 0) os_errno = errno;
    if (os_errno == 0 && !S_ISDIR(raw.st_mode)) {
      return os_error(ENOTDIR, "cannot use as a directory", path.native());
    }
    if (os_errno == 0) return {};
    if (os_errno != ENOENT || attempts_left == 0) {
      return os_error(os_errno, "cannot create directory", so_far.native());
    }
  }
}

void try_remove_directory(const std::filesystem::path& path) noexcept {
  (void)::rmdir(path.c_str());
}

Result<std::vector<std::string>> list_directory(const std::filesystem::path& path) {
  std::vector<std::string> names;
  auto listed = for_each_name(path, 0, [&](int, const char* name) { names.emplace_back(name); });
  if (!listed) return std::move(listed).error();
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::vector<std::string>> list_if_there(const std::filesystem::path& path) {
  auto names = list_directory(path);
  if (!names && names.error().os_errno == ENOENT) return std::vector<std::string>{};
  return names;
}

std::vector<std::string> names_in_directory(const std::filesystem::path& path) {
  auto names = list_directory(path);
  return names ? std::move(*names) : std::vector<std::string>{};
}

FileKind kind_of_file(const std::filesystem::path& path) noexcept {
  struct stat raw {};
  return ::lstat(path.c_str(), &raw) == 0 ? kind_of(raw.st_mode) : FileKind::absent;
}

Result<std::vector<DirectoryEntry>> list_entries(const std::filesystem::path& path, bool follows) {
  std::vector<DirectoryEntry> entries;
  auto listed = for_each_name(path, follows ? 0 : O_NOFOLLOW, [&](int fd, const char* name) {
    struct stat raw {};
    const bool is_known = ::fstatat(fd, name, &raw, AT_SYMLINK_NOFOLLOW) == 0;
    entries.push_back({.name = name,
                       .kind = is_known ? kind_of(raw.st_mode) : FileKind::absent,
                       .os_errno = is_known ? 0 : errno});
  });
  if (listed) return entries;
  if (listed.error().os_errno == ENOTDIR && follows) {
    return Error{Errc::invalid_argument, 0, path.native() + " is not a directory"};
  }
  return std::move(listed).error();
}

}  // namespace runlog
