// process_exit: what to do at exit(), and whether the process is in it. Handlers and destructors of
// static objects run in the reverse order of their registration, so a library can neither register
// to be the first nor to be the last. Hence is_exiting().
#pragma once

namespace runlog {

/// Has `hook` called by exit(), once, with the status that exit() was given. What was registered
/// after this call has run by then, what was registered before it has not. Also in forked children.
/// Keeps this library loaded until the process has ended. Calls after the first do nothing.
void call_at_exit(void (*hook)(int status) noexcept) noexcept;

/// Whether exit() has been called: in this thread, or so far that `hook` was called. Walks this
/// thread's stack, some 10 µs: for rare moments. False where the C library's exit is not found.
[[nodiscard]] bool is_exiting() noexcept;

/// In a thread of ours, as long as it runs.
class BackgroundThread {
 public:
  BackgroundThread() noexcept;
  ~BackgroundThread();
  BackgroundThread(const BackgroundThread&) = delete;
  BackgroundThread& operator=(const BackgroundThread&) = delete;
};

/// In a thread of ours: exit(0) where main() has left by pthread_exit() and no other thread lives
/// but ours. Without us the C library would have done so when the last of them ended. Reads
/// /proc/self/stat, some 20 µs.
void exit_if_deserted() noexcept;

}  // namespace runlog
