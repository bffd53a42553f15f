#include "platform/fault_guard.hpp"

#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "platform/process_key.hpp"
#include "platform/signals.hpp"

namespace runlog {
namespace {

constexpr std::size_t kRanges_max = 4096;
constexpr std::size_t kPage_bytes = 4096;

// A slot is claimed by `begin` (0: free, 1: being filled). The handler reads begin (acquire), which
// the filler stores last (release).
struct Range {
  std::atomic<std::uintptr_t> begin = 0;
  std::atomic<std::uintptr_t> end = 0;
  std::atomic<std::atomic<std::uint32_t>*> flags = nullptr;
  std::atomic<std::uint32_t> bits = 0;
  std::atomic<std::uint32_t> generation = 0;  // of the process whose range it is
};
std::array<Range, kRanges_max> ranges;
std::atomic<std::uint64_t> caught = 0;

// Puts memory in the place of a page whose file does not take a write. The page may still be
// readable: a file system that copies on write (btrfs, XFS with reflinks) refuses, out of space or
// quota, the first write after a sync, and the page holds records. They must stay where they are,
// for the keeper packs what is mapped. Where it is not readable, the file was truncated, the new
// page holds zeros. Plain system calls only: safe in a handler. process_vm_readv answers EFAULT
// where a load would raise the signal again.
bool replace_page(void* page) noexcept {
  void* const copy =
      ::mmap(nullptr, kPage_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (copy == MAP_FAILED) return false;
  const iovec to{.iov_base = copy, .iov_len = kPage_bytes};
  const iovec from{.iov_base = page, .iov_len = kPage_bytes};
  (void)::process_vm_readv(::getpid(), &to, 1, &from, 1, 0);
  if (::mremap(copy, kPage_bytes, kPage_bytes, MREMAP_MAYMOVE | MREMAP_FIXED, page) != MAP_FAILED) {
    return true;
  }
  ::munmap(copy, kPage_bytes);
  return false;
}

bool repair(const siginfo_t& info) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(info.si_addr);
  for (Range& range : ranges) {
    const std::uintptr_t begin = range.begin.load(std::memory_order_acquire);
    if (begin <= 1 || address < begin || address >= range.end.load(std::memory_order_relaxed)) {
      continue;
    }
    const bool is_childs = range.generation.load(std::memory_order_relaxed) != process_generation();
    // A child has no map of most of its parent's ranges, and shares some.
    if (!is_childs && info.si_signo == SIGSEGV) return false;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): an address is all that a signal handler is given
    void* const page = reinterpret_cast<void*>(address & ~(kPage_bytes - 1));
    if (!replace_page(page)) return false;
    if (is_childs) return true;
    if (auto* const flags = range.flags.load(std::memory_order_relaxed)) {
      flags->fetch_or(range.bits.load(std::memory_order_relaxed), std::memory_order_acq_rel);
    }
    caught.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  return false;
}

}  // namespace

void install_sigbus_guard() noexcept {
  guard_sigbus(&repair);
}

WatchedRange::WatchedRange(std::span<std::byte> memory, std::atomic<std::uint32_t>* flags,
                           std::uint32_t bits) noexcept {
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    Range& range = ranges[i];
    std::uintptr_t free = 0;
    if (!range.begin.compare_exchange_strong(free, 1, std::memory_order_acquire)) continue;
    range.end.store(reinterpret_cast<std::uintptr_t>(memory.data()) + memory.size(),
                    std::memory_order_relaxed);
    range.flags.store(flags, std::memory_order_relaxed);
    range.bits.store(bits, std::memory_order_relaxed);
    range.generation.store(process_generation(), std::memory_order_relaxed);
    range.begin.store(reinterpret_cast<std::uintptr_t>(memory.data()), std::memory_order_release);
    slot_ = static_cast<int>(i);
    return;
  }
}

WatchedRange::~WatchedRange() {
  if (slot_ >= 0) ranges[static_cast<std::size_t>(slot_)].begin.store(0, std::memory_order_release);
}

WatchedRange::WatchedRange(WatchedRange&& other) noexcept : slot_(std::exchange(other.slot_, -1)) {}

WatchedRange& WatchedRange::operator=(WatchedRange&& other) noexcept {
  std::swap(slot_, other.slot_);
  return *this;
}

std::uint64_t sigbus_caught() noexcept {
  return caught.load(std::memory_order_relaxed);
}

}  // namespace runlog
