// fork: keeps a child process from using its parent's state, whether it was made by fork(), or by
// _Fork() or the system call clone, which run no handler.
//
// There are two means, and no lock is held across a fork. First, memory that the kernel zeroes in
// the child (MADV_WIPEONFORK, Linux 4.14): locks there are unlocked in the child, and pointers to
// the parent's state are null. Second, duties: functions that a child runs once, from fork()'s
// handler or else when it next uses runlog.
#pragma once

#include <atomic>
#include <cstddef>
#include <new>

namespace runlog {

/// Has `duty` run once in each child. Before any other thread uses what it is about; adding it
/// again does nothing. At most kChild_duties_max. A duty takes no lock and no memory.
inline constexpr std::size_t kChild_duties_max = 8;
void add_child_duty(void (*duty)() noexcept) noexcept;

/// In a child whose duties have not run yet: runs them. Else one load. Any thread.
void settle_child() noexcept;

/// Whether this process was made by fork(), whose handlers leave malloc and threads usable. False
/// in the first process, and in a child of _Fork() or clone, where glibc promises neither.
[[nodiscard]] bool is_child_of_fork() noexcept;

/// Maps `bytes` (whole pages are taken), zeroed now and again in each child, and behind them
/// `kept_bytes` that a child has as its parent left them. nullptr: no memory. Where the kernel
/// cannot wipe, fork()'s handler does, for the first 1024 of them.
void* map_wiped(std::size_t bytes, std::size_t kept_bytes = 0) noexcept;
void unmap_wiped(void* memory, std::size_t bytes, std::size_t kept_bytes = 0) noexcept;

/// One T for the process, in wiped memory, made when it is first asked for. All bytes zero must be
/// the state that a child is to find; std::mutex and atomics are such (glibc). Never destroyed. For
/// constinit variables: there is no guard that a parent's thread could hold.
template <typename T>
class ForkWiped {
 public:
  constexpr ForkWiped() noexcept = default;
  T& get() noexcept {
    T* there = value_.load(std::memory_order_acquire);
    if (there != nullptr) return *there;
    void* const memory = map_wiped(sizeof(T));
    // Without memory the static one serves; then only a child made by fork() finds it clean.
    T* const made = memory != nullptr ? new (memory) T{} : &spare_;
    if (value_.compare_exchange_strong(there, made, std::memory_order_acq_rel)) return *made;
    if (memory != nullptr) unmap_wiped(memory, sizeof(T));
    return *there;
  }

 private:
  std::atomic<T*> value_ = nullptr;
  union {
    T spare_ = {};
  };
};

}  // namespace runlog
