// backtrace: return addresses and the modules they lie in, taken in a signal handler: no memory is
// asked for and no lock of the loader is taken.
//
// The frames come from the compiler's unwinder (_Unwind_Backtrace), because optimized code keeps no
// frame pointers. With glibc 2.35 and later it finds its tables without a lock. Where it takes one
// (older ones), a thread that dies inside dlopen would wait for itself or for others: there only
// the place of the fault and its caller are taken. The modules come from /proc/self/maps, read into
// a buffer of our own, and from the ELF headers in memory: what was loaded since the start, and by
// whom, then makes no difference.
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
