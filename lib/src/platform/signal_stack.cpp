#include "platform/signal_stack.hpp"

#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstddef>

namespace runlog {
namespace {

constexpr std::size_t kPage_bytes = 4096;
/// For the handler, the unwinder and what a host's handler does on it. Only touched pages cost.
constexpr std::size_t kStack_bytes = 128u << 10;
constexpr unsigned long kMinimum_in_aux = 51;  // AT_MINSIGSTKSZ: the registers' size on this CPU

// initial-exec and without a destructor, as cached_lane: a handler may run at any time.
struct OwnStack {
  std::byte* memory;  // the guard page; the stack is behind it
  std::size_t bytes;  // of both
  bool is_settled;    // given, or there was one
};
constinit thread_local OwnStack own __attribute__((tls_model("initial-exec"))) = {};

std::size_t stack_bytes() noexcept {
  const std::size_t needed = ::getauxval(kMinimum_in_aux) + (64u << 10);
  return (std::max(kStack_bytes, needed) + kPage_bytes - 1) / kPage_bytes * kPage_bytes;
}

}  // namespace

void give_signal_stack() noexcept {
  if (own.is_settled) [[likely]]
    return;
  own.is_settled = true;
  stack_t there{};
  if (::sigaltstack(nullptr, &there) != 0 || (there.ss_flags & SS_DISABLE) == 0) return;
  const std::size_t bytes = stack_bytes();
  void* const memory = ::mmap(nullptr, bytes + kPage_bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return;
  auto* const begin = static_cast<std::byte*>(memory);
  stack_t ours{};
  ours.ss_sp = begin + kPage_bytes;
  ours.ss_size = bytes;
  if (::mprotect(memory, kPage_bytes, PROT_NONE) != 0 || ::sigaltstack(&ours, nullptr) != 0) {
    ::munmap(memory, bytes + kPage_bytes);
    return;
  }
  own.memory = begin;
  own.bytes = bytes + kPage_bytes;
}

void take_back_signal_stack() noexcept {
  const OwnStack had = own;
  own = {};
  if (had.memory == nullptr) return;
  stack_t there{};
  if (::sigaltstack(nullptr, &there) != 0) return;
  if (there.ss_sp == had.memory + kPage_bytes) {
    // Somebody who runs on it, in a handler, keeps it: then it is not freed.
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    if ((there.ss_flags & SS_ONSTACK) != 0 || ::sigaltstack(&none, nullptr) != 0) return;
  }
  ::munmap(had.memory, had.bytes);
}

}  // namespace runlog
