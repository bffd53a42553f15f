#include "platform/descriptors.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>

#include "platform/fork.hpp"

namespace runlog {
namespace {

constexpr int kLow_numbers = 3;

// Zero in a child, whose duty closes what a thread of the parent held at the fork.
struct Holders {
  std::mutex mutex;
  int count = 0;  // guarded by mutex
};
constinit ForkWiped<Holders> holders;
// Whether the number is taken by us; guarded by Holders::mutex, except in a child's duty.
constinit std::array<std::atomic<bool>, kLow_numbers> is_taken = {};
constinit std::atomic<bool> had_stderr = true;

bool is_placeholder(int fd) noexcept {
  const int flags = ::fcntl(fd, F_GETFL);
  return flags >= 0 && (flags & O_PATH) != 0 && (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

// The job may have put something of its own under a number meanwhile: that stays.
void give_back() noexcept {
  for (int fd = 0; fd < kLow_numbers; ++fd) {
    auto& taken = is_taken[static_cast<std::size_t>(fd)];
    if (taken.exchange(false, std::memory_order_relaxed) && is_placeholder(fd)) ::close(fd);
  }
}

void take_free_ones() noexcept {
  for (int fd = 0; fd < kLow_numbers; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    const int placeholder = ::open("/", O_PATH | O_CLOEXEC);
    if (placeholder < 0) return;
    if (placeholder < kLow_numbers) {
      is_taken[static_cast<std::size_t>(placeholder)].store(true, std::memory_order_relaxed);
    } else {
      ::close(placeholder);  // another thread has taken the number
    }
  }
}

[[gnu::constructor(101)]] void look_at_standard_error() noexcept {
  had_stderr.store(::fcntl(STDERR_FILENO, F_GETFD) >= 0, std::memory_order_relaxed);
  add_child_duty(&give_back);
}

}  // namespace

LowNumbers::LowNumbers() noexcept {
  settle_child();
  Holders& all = holders.get();
  const std::lock_guard lock(all.mutex);
  if (all.count++ == 0) take_free_ones();
}

LowNumbers::~LowNumbers() {
  const int saved_errno = errno;
  Holders& all = holders.get();
  {
    const std::lock_guard lock(all.mutex);
    // A child of a fork in between has begun to count anew.
    if (all.count > 0 && --all.count == 0) give_back();
  }
  errno = saved_errno;
}

int lift(int fd) noexcept {
  if (fd < 0 || fd >= kLow_numbers) return fd;
  const int lifted = ::fcntl(fd, F_DUPFD_CLOEXEC, kLow_numbers);
  const int saved_errno = errno;
  ::close(fd);
  errno = saved_errno;
  return lifted;
}

bool is_open_for_job(int fd) noexcept {
  const int flags = ::fcntl(fd, F_GETFL);
  return flags >= 0 && (flags & O_PATH) == 0;
}

bool had_standard_error() noexcept {
  return had_stderr.load(std::memory_order_relaxed);
}

void Descriptor::close() noexcept {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));  // Linux: the descriptor is gone even on EINTR.
}

}  // namespace runlog
