#include "platform/process_exit.hpp"

#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <unwind.h>

#include <atomic>
#include <cstdint>

#include "platform/fork.hpp"
#include "platform/process.hpp"

namespace runlog {
namespace {

constinit std::atomic<void (*)(int) noexcept> exit_hook = nullptr;
constinit std::atomic<bool> has_begun = false;
// Of the C library's exit(), [begin, end).
constinit std::atomic<std::uintptr_t> exit_begin = 0;
constinit std::atomic<std::uintptr_t> exit_end = 0;

void on_exit_called(int status, void* /*unused*/) {
  has_begun.store(true, std::memory_order_release);
  exit_hook.load(std::memory_order_acquire)(status);
}

// Not &exit: in a program that is not position-independent that may be its own stub.
void find_exit() noexcept {
  void* const libc = ::dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
  if (libc == nullptr) return;
  if (void* const address = ::dlsym(libc, "exit")) {
    Dl_info info{};
    void* found = nullptr;
    if (::dladdr1(address, &info, &found, RTLD_DL_SYMENT) != 0 && found != nullptr) {
      const auto* const symbol = static_cast<const ElfW(Sym)*>(found);
      exit_begin.store(reinterpret_cast<std::uintptr_t>(address), std::memory_order_relaxed);
      exit_end.store(reinterpret_cast<std::uintptr_t>(address) + symbol->st_size,
                     std::memory_order_relaxed);
    }
  }
  ::dlclose(libc);
}

// Threads of ours, handlers and the hook stay behind when somebody closes the plug-in that brought
// this code.
void stay_loaded() noexcept {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<void*>(&stay_loaded), &info) == 0 || info.dli_fname == nullptr) {
    return;
  }
  // Fails for the program itself, which needs it not.
  (void)::dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

constinit ForkWiped<std::atomic<std::int64_t>> background_threads;
constinit ForkWiped<std::atomic<bool>> is_deserted;

struct Range {
  std::uintptr_t begin, end;
  bool was_met;
};

_Unwind_Reason_Code look_at(_Unwind_Context* frame, void* range_of) {
  auto& range = *static_cast<Range*>(range_of);
  // The address of a return is behind its call, and exit() ends with one that does not return.
  const std::uintptr_t call = _Unwind_GetIP(frame) - 1;
  range.was_met = range.was_met || (call >= range.begin && call < range.end);
  return range.was_met ? _URC_END_OF_STACK : _URC_NO_REASON;
}

}  // namespace

void call_at_exit(void (*hook)(int status) noexcept) noexcept {
  void (*none)(int) noexcept = nullptr;
  if (!exit_hook.compare_exchange_strong(none, hook, std::memory_order_acq_rel)) return;
  stay_loaded();
  find_exit();
  (void)::on_exit(&on_exit_called, nullptr);
}

BackgroundThread::BackgroundThread() noexcept {
  background_threads.get().fetch_add(1, std::memory_order_relaxed);
}

BackgroundThread::~BackgroundThread() {
  background_threads.get().fetch_sub(1, std::memory_order_relaxed);
}

void exit_if_deserted() noexcept {
  const std::int64_t threads = threads_without_main();
  if (threads == 0 || threads > background_threads.get().load(std::memory_order_relaxed)) return;
  // One of ours does it; the others end with the process.
  if (!is_deserted.get().exchange(true, std::memory_order_relaxed)) ::exit(0);
}

bool is_exiting() noexcept {
  if (has_begun.load(std::memory_order_acquire)) return true;
  Range range{exit_begin.load(std::memory_order_relaxed), exit_end.load(std::memory_order_relaxed),
              false};
  if (range.begin != range.end) (void)_Unwind_Backtrace(&look_at, &range);
  return range.was_met;
}

}  // namespace runlog
