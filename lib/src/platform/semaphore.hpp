// Semaphore: wakes one thread. Posting takes no lock and allocates nothing.
#pragma once

#include <semaphore.h>

#include <chrono>

namespace runlog {

class Semaphore {
 public:
  Semaphore() noexcept;
  ~Semaphore();
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;

  void post() noexcept;
  /// Until somebody posts, or the time has come.
  void wait_until(std::chrono::steady_clock::time_point deadline) noexcept;

 private:
  sem_t semaphore_;
};

}  // namespace runlog
