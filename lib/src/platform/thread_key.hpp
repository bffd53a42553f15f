// ThreadKey: a value of each thread that is handed over when the thread ends: after the destructors
// of its thread_local objects, beside those of other keys. The main thread does not end: exit()
// runs its destructors and none of its keys.
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
