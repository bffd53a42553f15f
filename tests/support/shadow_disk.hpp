// What a disk has for sure: the bytes of files that were synced, and the names in directories that
// were. Written by the victim `power`, and read by its test, which makes of it what may be found
// after the power has failed. A file is known by its key, whatever its name: inode and birth.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <string>

namespace test {

inline std::string key_of_stat(const struct statx& info) {
  return std::to_string(info.stx_ino) + "-" + std::to_string(info.stx_btime.tv_sec) + "." +
         std::to_string(info.stx_btime.tv_nsec);
}
/// Empty where there is none. Links are not followed, but for a descriptor's.
inline std::string key_of(const std::string& path) {
  struct statx info {};
  const int flags = AT_SYMLINK_NOFOLLOW;
  if (::statx(AT_FDCWD, path.c_str(), flags, STATX_INO | STATX_BTIME, &info) != 0) return {};
  return key_of_stat(info);
}
inline std::string key_of(int fd) {
  struct statx info {};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &info) != 0) return {};
  return key_of_stat(info);
}

}  // namespace test
