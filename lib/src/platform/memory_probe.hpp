// is_readable: whether an address from a signal's context or from a broken stack may be read. Safe
// in a signal handler.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace runlog {

/// Whether all of [memory, memory + bytes) can be read now. One system call for each page.
/// The kernel reads a signal set of 8 bytes before it looks at `how`, which is none: EFAULT or
/// EINVAL is the answer. Unlike process_vm_readv no sandbox forbids it.
inline bool is_readable(const void* memory, std::size_t bytes) noexcept {
  const auto at = reinterpret_cast<std::uintptr_t>(memory);
  if (at < 4096 || at + bytes < at || bytes == 0) return false;
  constexpr std::uintptr_t kPage = 4096;
  const int saved_errno = errno;
  bool all = true;
  for (std::uintptr_t page = at & ~(kPage - 1); all && page < at + bytes; page += kPage) {
    errno = 0;
    (void)::syscall(SYS_rt_sigprocmask, ~0, page, nullptr, 8);
    all = errno == EINVAL;
  }
  errno = saved_errno;
  return all;
}

}  // namespace runlog
