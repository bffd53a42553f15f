#include "support/small_disk.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace test {

SmallDisk::SmallDisk(const std::filesystem::path& where, const std::string& size) : path_(where) {
  std::filesystem::create_directories(path_);
  is_mounted_ = ::mount("tmpfs", path_.c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0;
}

SmallDisk::~SmallDisk() {
  if (is_mounted_) ::umount2(path_.c_str(), MNT_DETACH);
}

void SmallDisk::fill(std::size_t leave_bytes) {
  fill_disk(path_, leave_bytes);
}

void SmallDisk::free_space() {
  free_disk(path_);
}

bool SmallDisk::remount(bool read_only) {
  return ::mount("tmpfs", path_.c_str(), "tmpfs",
                 MS_REMOUNT | (read_only ? static_cast<unsigned long>(MS_RDONLY) : 0ul),
                 nullptr) == 0;
}

void fill_disk(const std::filesystem::path& directory, std::size_t leave_bytes) {
  struct statvfs info {};
  if (::statvfs(directory.c_str(), &info) != 0) return;
  const std::size_t free = info.f_bavail * info.f_bsize;
  if (free <= leave_bytes) return;
  const int fd = ::open((directory / "filler").c_str(), O_WRONLY | O_CREAT, 0600);
  (void)::posix_fallocate(fd, 0, static_cast<off_t>(free - leave_bytes));
  ::close(fd);
}

void free_disk(const std::filesystem::path& directory) {
  std::filesystem::remove(directory / "filler");
}

}  // namespace test
