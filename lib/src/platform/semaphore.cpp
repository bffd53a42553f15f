#include "platform/semaphore.hpp"

#include <cerrno>
#include <ctime>

namespace runlog {

Semaphore::Semaphore() noexcept {
  ::sem_init(&semaphore_, 0, 0);
}

Semaphore::~Semaphore() {
  ::sem_destroy(&semaphore_);
}

void Semaphore::post() noexcept {
  ::sem_post(&semaphore_);
}

void Semaphore::wait_until(std::chrono::steady_clock::time_point deadline) noexcept {
  const auto ns = deadline.time_since_epoch().count();  // steady_clock is CLOCK_MONOTONIC
  const timespec when{.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
  while (::sem_clockwait(&semaphore_, CLOCK_MONOTONIC, &when) != 0 && errno == EINTR) {
  }
}

}  // namespace runlog
