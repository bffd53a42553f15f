// ThreadKey: a value of each thread, and a function that gets it when the thread ends: after the
// destructors of its thread_local objects, among those of other keys. exit() does not call it for
// the main thread.
#pragma once

#include <pthread.h>

namespace runlog {

class ThreadKey {
 public:
  constexpr ThreadKey() noexcept = default;
  /// Once. False: there are no more keys; then set() fails.
  bool create(void (*at_end)(void* value)) noexcept {
    has_key_ = ::pthread_key_create(&key_, at_end) == 0;
    return has_key_;
  }
  [[nodiscard]] bool has_key() const noexcept { return has_key_; }
  /// Of the calling thread.
  bool set(void* value) noexcept { return has_key_ && ::pthread_setspecific(key_, value) == 0; }

 private:
  pthread_key_t key_ = 0;
  bool has_key_ = false;
};

}  // namespace runlog
