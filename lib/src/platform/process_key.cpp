#include "platform/process_key.hpp"

#include <unistd.h>

#include <atomic>

#include "platform/fork.hpp"

namespace runlog {
namespace {

// Of this process: zero in a child, which then takes the next one.
constinit ForkWiped<std::atomic<std::uint32_t>> generation;
// The highest that this process, or an ancestor up to the fork, has taken. A child starts from its
// parent's, so the numbers rise along each line of descent.
constinit std::atomic<std::uint32_t> generations = 0;

}  // namespace

std::uint32_t process_generation() noexcept {
  std::atomic<std::uint32_t>& own = generation.get();
  std::uint32_t now = own.load(std::memory_order_acquire);
  if (now == 0) {
    const std::uint32_t next = generations.fetch_add(1, std::memory_order_relaxed) + 1;
    // Another thread may have been first; `now` is its number then.
    if (own.compare_exchange_strong(now, next, std::memory_order_acq_rel)) now = next;
  }
  return now;
}

std::uint64_t process_key() noexcept {
  return std::uint64_t{process_generation()} << 32 | static_cast<std::uint32_t>(::getpid());
}

}  // namespace runlog
