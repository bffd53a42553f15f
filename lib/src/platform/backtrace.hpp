// backtrace: return addresses and their modules, taken in a signal handler without allocating
// memory or taking the loader's lock.
//
// The frames come from the compiler's unwinder (_Unwind_Backtrace), because optimized code keeps no
// frame pointers. With glibc 2.35 and later it finds its tables without a lock. Older ones take a
// lock, and a thread that dies inside dlopen would wait for ever: there only the place of the fault
// and its caller are taken. The modules come from /proc/self/maps, read into a buffer of our own,
// and from the ELF headers in memory, so libraries that were loaded later are known, too.
#pragma once

#include "platform/crash_layout.hpp"

namespace runlog {

/// Has the unwinder do what it does only the first time. Not in a handler.
void prepare_backtrace() noexcept;

/// Fills all but time and checksum. From the place where `context` (a ucontext_t) was interrupted,
/// or, where it is nullptr, from the caller on. May fault on a broken stack: the caller is ready
/// for that. One thread at a time.
void take_backtrace(crash::Backtrace& out, const void* context) noexcept;

}  // namespace runlog
