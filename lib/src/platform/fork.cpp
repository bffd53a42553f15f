#include "platform/fork.hpp"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#include <array>
#include <cstdint>

// Of LeakSanitizer, where the program has it: else what only such memory points to counts as
// leaked.
extern "C" [[gnu::weak]] void __lsan_register_root_region(const void* begin, std::size_t bytes);
extern "C" [[gnu::weak]] void __lsan_unregister_root_region(const void* begin, std::size_t bytes);

namespace runlog {
namespace {

constexpr std::size_t kPage_bytes = 4096;
constexpr std::size_t kHand_wiped_max = 1024;

constinit std::array<std::atomic<void (*)() noexcept>, kChild_duties_max> duties = {};

// What fork()'s handler wipes, because the kernel does not. `memory` is stored last (release).
struct HandWiped {
  std::atomic<std::size_t> bytes = 0;
  std::atomic<void*> memory = nullptr;
};
constinit std::array<HandWiped, kHand_wiped_max> hand_wiped = {};

constexpr std::size_t whole_pages(std::size_t bytes) {
  return (bytes + kPage_bytes - 1) / kPage_bytes * kPage_bytes;
}

// In wiped memory: kUnsettled in a child until its duties have run.
enum : std::uint32_t { kUnsettled = 0, kAt_work = 1, kSettled = 2, kSettled_by_fork = 3 };
constinit std::atomic<std::atomic<std::uint32_t>*> state = nullptr;

void wipe_by_hand() noexcept {
  for (HandWiped& one : hand_wiped) {
    if (void* const memory = one.memory.load(std::memory_order_acquire)) {
      ::memset(memory, 0, one.bytes.load(std::memory_order_relaxed));
    }
  }
}

void settle(std::uint32_t settled) noexcept {
  auto* const now = state.load(std::memory_order_acquire);
  if (now == nullptr || now->load(std::memory_order_acquire) >= kSettled) [[likely]]
    return;
  std::uint32_t expected = kUnsettled;
  if (now->compare_exchange_strong(expected, kAt_work, std::memory_order_acq_rel)) {
    for (auto& slot : duties) {
      if (auto* const duty = slot.load(std::memory_order_acquire)) duty();
    }
    now->store(settled, std::memory_order_release);
    return;
  }
  // Another thread of this process is at it: a few system calls.
  while (now->load(std::memory_order_acquire) == kAt_work) ::sched_yield();
}

void after_fork_in_child() noexcept {
  wipe_by_hand();
  settle(kSettled_by_fork);
}

// Before main() and, by its priority, before the constructors of static objects that may log.
[[gnu::constructor(101)]] void watch_forks() noexcept {
  ::pthread_atfork(nullptr, nullptr, &after_fork_in_child);
  if (void* const memory = map_wiped(sizeof(std::atomic<std::uint32_t>))) {
    auto* const made = new (memory) std::atomic<std::uint32_t>(kSettled);
    state.store(made, std::memory_order_release);
  }
}

}  // namespace

void add_child_duty(void (*duty)() noexcept) noexcept {
  for (auto& slot : duties) {
    void (*there)() noexcept = nullptr;
    if (slot.compare_exchange_strong(there, duty, std::memory_order_acq_rel) || there == duty) {
      return;
    }
  }
}

void settle_child() noexcept {
  settle(kSettled);
}

bool is_child_of_fork() noexcept {
  const auto* const now = state.load(std::memory_order_acquire);
  return now != nullptr && now->load(std::memory_order_acquire) == kSettled_by_fork;
}

void* map_wiped(std::size_t bytes, std::size_t kept_bytes) noexcept {
  bytes = whole_pages(bytes);
  const std::size_t all_bytes = bytes + whole_pages(kept_bytes);
  void* const memory =
      ::mmap(nullptr, all_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  if (&__lsan_register_root_region != nullptr) __lsan_register_root_region(memory, all_bytes);
  if (::madvise(memory, bytes, MADV_WIPEONFORK) == 0) return memory;
  for (HandWiped& one : hand_wiped) {
    std::size_t free = 0;
    if (!one.bytes.compare_exchange_strong(free, bytes, std::memory_order_acq_rel)) continue;
    one.memory.store(memory, std::memory_order_release);
    break;
  }
  return memory;
}

void unmap_wiped(void* memory, std::size_t bytes, std::size_t kept_bytes) noexcept {
  for (HandWiped& one : hand_wiped) {
    if (one.memory.load(std::memory_order_relaxed) != memory) continue;
    one.memory.store(nullptr, std::memory_order_release);
    one.bytes.store(0, std::memory_order_release);
  }
  const std::size_t all_bytes = whole_pages(bytes) + whole_pages(kept_bytes);
  if (&__lsan_unregister_root_region != nullptr) __lsan_unregister_root_region(memory, all_bytes);
  ::munmap(memory, all_bytes);
}

}  // namespace runlog
