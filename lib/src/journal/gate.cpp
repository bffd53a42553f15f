#include "journal/gate.hpp"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RUNLOG_TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define RUNLOG_TSAN 1
#endif

namespace runlog {
namespace {

bool try_register() noexcept {
#if defined(RUNLOG_TSAN)
  return false;
#else
  return ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
#endif
}

}  // namespace

bool membarrier_is_usable() noexcept {
  static const bool usable = try_register();
  return usable;
}

void membarrier_all() noexcept {
  if (membarrier_is_usable()) {
    ::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
  } else {
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
}

}  // namespace runlog
