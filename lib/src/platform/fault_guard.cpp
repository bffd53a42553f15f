#include "platform/fault_guard.hpp"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <mutex>

#include "base/bytes.hpp"
#include "base/crc32c.hpp"
#include "platform/file_system.hpp"

namespace runlog {
namespace {

constexpr std::size_t kRanges_max = 4096;
constexpr std::size_t kMarkers_max = 64;
constexpr int kSignal_max = 64;
constexpr std::size_t kPage_bytes = 4096;
/// "RLCARCH1", masked as segment_magic() is: a search of a core dump for marks finds marks only.
constexpr std::uint64_t kMark_mask = 0x5A5A5A5A'5A5A5A5Au;
constexpr std::uint64_t kMark_magic_masked = 0x31484352'41434C52u ^ kMark_mask;
std::uint64_t mark_magic() noexcept {
  const volatile std::uint64_t masked = kMark_magic_masked;
  return masked ^ kMark_mask;
}

// A slot is claimed by `begin` (0: free, 1: being filled). The handler reads begin (acquire), which
// the filler stores last (release).
struct Range {
  std::atomic<std::uintptr_t> begin = 0;
  std::atomic<std::uintptr_t> end = 0;
  std::atomic<std::atomic<std::uint32_t>*> flags = nullptr;
  std::atomic<std::uint32_t> bits = 0;
};
std::array<Range, kRanges_max> ranges;
std::array<std::atomic<std::byte*>, kMarkers_max> markers;
std::atomic<std::uint64_t> caught = 0;
std::atomic<bool> guards_sigbus = false;
std::atomic<bool> marks_crashes = false;
std::array<struct sigaction, kSignal_max> previous;  // written once, before the handler is in place

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

bool repair(const siginfo_t* info) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  for (Range& range : ranges) {
    const std::uintptr_t begin = range.begin.load(std::memory_order_acquire);
    if (begin <= 1 || address < begin || address >= range.end.load(std::memory_order_relaxed)) {
      continue;
    }
    // NOLINTNEXTLINE(performance-no-int-to-ptr): an address is all that a signal handler is given
    void* const page = reinterpret_cast<void*>(address & ~(kPage_bytes - 1));
    if (!replace_page(page)) return false;
    if (auto* const flags = range.flags.load(std::memory_order_relaxed)) {
      flags->fetch_or(range.bits.load(std::memory_order_relaxed), std::memory_order_acq_rel);
    }
    caught.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  return false;
}

void mark_crash(int signal, const siginfo_t* info) noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  for (auto& marker : markers) {
    std::byte* const memory = marker.load(std::memory_order_acquire);
    if (memory == nullptr || load<std::uint64_t>(memory) != 0) continue;  // the first mark stands
    store(memory + 8, static_cast<std::int32_t>(signal));
    store(memory + 12, static_cast<std::int32_t>(info->si_code));
    const bool was_sent = info->si_code <= 0;
    store(memory + 16,
          was_sent ? std::uint64_t{0} : reinterpret_cast<std::uint64_t>(info->si_addr));
    store(memory + 24, std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec);
    store(memory + 32, static_cast<std::int64_t>(was_sent ? info->si_pid : 0));
    store(memory + 40, crc32c(std::span(memory + 8, 32)));
    std::atomic_ref<std::uint64_t>(*reinterpret_cast<std::uint64_t*>(memory))
        .store(mark_magic(), std::memory_order_release);
  }
}

void pass_on(int signal, siginfo_t* info, void* context) noexcept {
  const struct sigaction& before = previous[static_cast<std::size_t>(signal)];
  if ((before.sa_flags & SA_SIGINFO) != 0 && before.sa_sigaction != nullptr) {
    before.sa_sigaction(signal, info, context);
    return;
  }
  if (before.sa_handler == SIG_IGN && info->si_code <= 0) return;
  if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
    before.sa_handler(signal);
    return;
  }
  // The default action: a fault happens again on return, a sent signal is sent again.
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  ::sigaction(signal, &standard, nullptr);
  if (info->si_code <= 0) ::raise(signal);
}

void handle(int signal, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  if (signal == SIGBUS && guards_sigbus.load(std::memory_order_acquire) && repair(info)) {
    errno = saved_errno;
    return;
  }
  if (marks_crashes.load(std::memory_order_acquire)) mark_crash(signal, info);
  pass_on(signal, info, context);
  errno = saved_errno;
}

void install(int signal, bool only_if_default) noexcept {
  struct sigaction before {};
  if (::sigaction(signal, nullptr, &before) != 0) return;
  if ((before.sa_flags & SA_SIGINFO) != 0 && before.sa_sigaction == &handle) return;
  if (only_if_default && before.sa_handler != SIG_DFL) return;
  previous[static_cast<std::size_t>(signal)] = before;
  struct sigaction ours {};
  ours.sa_sigaction = &handle;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  ::sigemptyset(&ours.sa_mask);
  ::sigaction(signal, &ours, nullptr);
}

std::mutex& install_mutex() {
  static auto* const mutex = new std::mutex;
  return *mutex;
}

}  // namespace

void make_fault_guard_fork_safe() {
  static const int registered =
      ::pthread_atfork([] { install_mutex().lock(); }, [] { install_mutex().unlock(); },
                       [] { install_mutex().unlock(); });
  (void)registered;
}

void install_sigbus_guard() noexcept {
  const std::lock_guard lock(install_mutex());
  if (guards_sigbus.load()) return;
  install(SIGBUS, false);
  guards_sigbus.store(true);
}

void install_crash_marker() noexcept {
  const std::lock_guard lock(install_mutex());
  if (marks_crashes.load()) return;
  for (const int fault : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGSYS}) install(fault, false);
  for (const int request : {SIGTERM, SIGXCPU}) install(request, true);
  marks_crashes.store(true);
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

CrashMarker::CrashMarker(std::span<std::byte> memory) noexcept {
  for (std::size_t i = 0; i < markers.size(); ++i) {
    std::byte* free = nullptr;
    if (markers[i].compare_exchange_strong(free, memory.data(), std::memory_order_release)) {
      slot_ = static_cast<int>(i);
      return;
    }
  }
}

CrashMarker::~CrashMarker() {
  if (slot_ >= 0)
    markers[static_cast<std::size_t>(slot_)].store(nullptr, std::memory_order_release);
}

CrashMarker::CrashMarker(CrashMarker&& other) noexcept : slot_(std::exchange(other.slot_, -1)) {}

CrashMarker& CrashMarker::operator=(CrashMarker&& other) noexcept {
  std::swap(slot_, other.slot_);
  return *this;
}

std::string describe(const CrashMark& mark) {
  const char* const name = ::sigabbrev_np(mark.signal);
  std::string text =
      name != nullptr ? "SIG" + std::string(name) : "signal " + std::to_string(mark.signal);
  std::array<char, 32> number{};
  if (mark.code > 0) {
    std::snprintf(number.data(), number.size(), "0x%llx",
                  static_cast<unsigned long long>(mark.address));
    text += std::string(" at address ") + number.data();
  } else if (mark.signal != SIGABRT && mark.sender_pid != 0) {
    text += " sent by pid " + std::to_string(mark.sender_pid);
  }
  return text;
}

std::optional<CrashMark> read_crash_mark(const std::filesystem::path& path) {
  const auto bytes = read_file(path, CrashMarker::kMark_bytes);
  if (!bytes || bytes->size() < 44) return {};
  const std::byte* const memory = as_bytes(*bytes).data();
  if (load<std::uint64_t>(memory) != mark_magic()) return {};
  if (load<std::uint32_t>(memory + 40) != crc32c(std::span(memory + 8, 32))) return {};
  CrashMark mark;
  mark.signal = load<std::int32_t>(memory + 8);
  mark.code = load<std::int32_t>(memory + 12);
  mark.address = load<std::uint64_t>(memory + 16);
  mark.time_ns = load<std::int64_t>(memory + 24);
  mark.sender_pid = load<std::int64_t>(memory + 32);
  return mark;
}

}  // namespace runlog
