// InCall: what holds while a thread is in a call of ours that may take long.
#pragma once

#include <pthread.h>

#include <cstdint>

namespace runlog {

/// While one lives:
/// - pthread_cancel() of this thread waits: the thread ends at its own next cancellation point
///   behind the call. Otherwise it would be unwound from a system call in the middle of ours, whose
///   functions let nothing pass, and the job would end. For deferred cancellation, the default; a
///   thread that can be cancelled asynchronously must not call us.
/// - A child can be told that a signal handler has forked in the middle of the call, and that
///   returned into it: is_parents_call(). The call is not the child's, and ends there without
///   writing, renaming or removing a file.
class InCall {
 public:
  InCall() noexcept;
  ~InCall();
  InCall(const InCall&) = delete;
  InCall& operator=(const InCall&) = delete;

 private:
  int before_ = PTHREAD_CANCEL_ENABLE;
};

/// Whether this thread is in a call that its parent process has begun. False outside of calls.
[[nodiscard]] bool is_parents_call() noexcept;

}  // namespace runlog
