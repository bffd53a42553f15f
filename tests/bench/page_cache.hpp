// Memory that the kernel has at hand before a measurement begins.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

namespace bench {

/// Uses so much page cache once. A virtual machine hands memory that is free back to its host, and
/// the first to use it again pays for that: 8 ms for 4 MiB here, 1.2 ms when it is at hand. Whoever
/// is measured first would pay, and it is no cost of logging.
inline void warm_page_cache(const std::filesystem::path& directory, int mebibytes) {
  const std::filesystem::path path = directory / "warm";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const std::vector<char> block(1 << 20, 1);
  for (int i = 0; i < mebibytes && fd >= 0; ++i) {
    if (::write(fd, block.data(), block.size()) < 0) break;
  }
  ::close(fd);
  std::filesystem::remove(path);
}

}  // namespace bench
