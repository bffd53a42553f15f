#include "output.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "cli/console.hpp"
#include "cli/exit_codes.hpp"

namespace runlog::tools {

Output::Output(int fd) : fd_(fd), is_terminal_(tools::is_terminal(fd)), has_color_(may_color(fd)) {
  buffer_.reserve(kBuffer_bytes + 4096);
}

void Output::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty() && errno_ == 0) {
    const ssize_t written = ::write(fd_, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      pollfd waiting = {.fd = fd_, .events = POLLOUT, .revents = 0};
      ::poll(&waiting, 1, -1);
    } else if (errno != EINTR) {
      errno_ = errno;
    }
  }
  buffer_.clear();
}

int Output::finish(int exit_code) {
  flush();
  if (errno_ == 0) return exit_code;
  if (errno_ == EPIPE) return exit_pipe_closed;
  say("runlog", std::string("standard output: ") + std::generic_category().message(errno_) +
                    "; the output is incomplete, make room or write elsewhere");
  return exit_failed;
}

}  // namespace runlog::tools
