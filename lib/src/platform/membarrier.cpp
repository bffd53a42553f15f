#include "platform/membarrier.hpp"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "platform/fork.hpp"

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

enum class Usable : std::uint8_t { unknown, yes, no };
constinit std::atomic<Usable> usable = Usable::unknown;

// A child registers itself.
[[gnu::constructor(102)]] void ask_again_in_children() noexcept {
  add_child_duty([]() noexcept { usable.store(Usable::unknown, std::memory_order_relaxed); });
}

}  // namespace

bool membarrier_is_usable() noexcept {
  Usable known = usable.load(std::memory_order_relaxed);
  if (known == Usable::unknown) {
    // Two threads may both register; once is as good as twice.
    known = try_register() ? Usable::yes : Usable::no;
    usable.store(known, std::memory_order_relaxed);
  }
  return known == Usable::yes;
}

void membarrier_all() noexcept {
  if (membarrier_is_usable()) {
    ::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
  } else {
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
}

}  // namespace runlog
