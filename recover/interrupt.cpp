#include "interrupt.hpp"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace runlog::recover_tool {
namespace {

int event_fd = -1;  // a signal handler can reach nothing but globals

void write_event() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(event_fd, &one, sizeof one);
}

extern "C" void on_signal(int) {
  const int saved_errno = errno;
  write_event();
  errno = saved_errno;
}

// Started by nohup, or with `&` in a script: what is ignored stays ignored.
bool is_ignored(int number) {
  struct sigaction action = {};
  return ::sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

void install(int number, void (*handler)(int)) {
  if (is_ignored(number)) return;
  struct sigaction action = {};
  action.sa_handler = handler;
  // Reset: the second signal finds the default action and ends the process.
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  ::sigemptyset(&action.sa_mask);
  ::sigaction(number, &action, nullptr);
}

}  // namespace

Interrupt::Interrupt() {
  event_fd = ::eventfd(0, EFD_CLOEXEC);
  if (event_fd < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  listener_ = std::jthread([this](const std::stop_token&) {
    std::uint64_t count = 0;
    while (::read(event_fd, &count, sizeof count) < 0 && errno == EINTR) {
    }
    source_.request_stop();
  });
  install(SIGINT, on_signal);
  install(SIGTERM, on_signal);
  ::signal(SIGPIPE, SIG_IGN);
}

Interrupt::~Interrupt() {
  install(SIGINT, SIG_DFL);
  install(SIGTERM, SIG_DFL);
  write_event();
  listener_.join();
  ::close(event_fd);
}

bool Interrupt::wait_for(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  condition_.wait_for(lock, source_.get_token(), time, [] { return false; });
  return requested();
}

}  // namespace runlog::recover_tool
