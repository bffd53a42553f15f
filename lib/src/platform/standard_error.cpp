#include "platform/standard_error.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <span>

#include "base/visible.hpp"
#include "platform/descriptors.hpp"

namespace runlog {
namespace {

// For this thread, while it lives: SIGPIPE (nobody reads), SIGXFSZ (the file is at its limit) and
// SIGTTOU (a background job's terminal) do not come. take_back() is for a write that has failed: it
// takes the signal away that this has left.
class NoSignals {
 public:
  NoSignals() noexcept {
    sigset_t pending;
    ::sigpending(&pending);
    ::sigemptyset(&ours_);
    sigset_t blocked;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGTTOU);
    for (const int signal : {SIGPIPE, SIGXFSZ}) {
      ::sigaddset(&blocked, signal);
      if (::sigismember(&pending, signal) == 0) ::sigaddset(&ours_, signal);
    }
    ::pthread_sigmask(SIG_BLOCK, &blocked, &before_);
  }
  ~NoSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  void take_back() const noexcept {
    const timespec now{};
    (void)::sigtimedwait(&ours_, nullptr, &now);
  }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;

 private:
  sigset_t ours_ = {};
  sigset_t before_ = {};
};

// A pipe has no call that writes without waiting unless its flags say so, and those belong to all
// that share it. But pages can be put into it without waiting (SPLICE_F_NONBLOCK). They are not
// copied: this one is given to the pipe and never touched again.
bool splice_to_pipe(int fd, std::string_view text) noexcept {
  void* const page = ::mmap(nullptr, kReport_bytes_max, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return false;
  ::memcpy(page, text.data(), text.size());
  iovec piece{page, text.size()};
  const ssize_t done = ::vmsplice(fd, &piece, 1, SPLICE_F_NONBLOCK);
  const int saved_errno = errno;
  ::munmap(page, kReport_bytes_max);
  errno = saved_errno;
  return done == static_cast<ssize_t>(text.size());
}

// Through an open file description of our own, whose flags are ours alone.
bool write_without_waiting(int fd, std::string_view text) noexcept {
  std::array<char, 32> path{};
  std::snprintf(path.data(), path.size(), "/proc/self/fd/%d", fd);
  const Descriptor own(open_above_2(
      [&] { return ::open(path.data(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC); }));
  return own.get() >= 0 &&
         ::write(own.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool write_line(std::string_view line) noexcept {
  // A copy: another thread may put something else under the number 2 meanwhile.
  const Descriptor target(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
  struct stat info {};
  if (target.get() < 0 || ::fstat(target.get(), &info) != 0) return false;
  const auto size = static_cast<ssize_t>(line.size());
  switch (info.st_mode & S_IFMT) {
    case S_IFREG:
      // Through the job's own position: with one of ours we would write over its lines.
      return ::write(target.get(), line.data(), line.size()) == size;
    case S_IFIFO:
      if (splice_to_pipe(target.get(), line)) return true;
      // EAGAIN: full. EPIPE: nobody reads. Else a kernel, or a sandbox, that has no vmsplice.
      return errno != EAGAIN && errno != EPIPE && write_without_waiting(target.get(), line);
    case S_IFSOCK:
      return ::send(target.get(), line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL) == size;
    case S_IFCHR:
      return write_without_waiting(target.get(), line);
    default:
      return false;
  }
}

}  // namespace

bool has_standard_error() noexcept {
  return had_standard_error() && is_open_for_job(STDERR_FILENO);
}

bool write_to_standard_error(std::string_view message) noexcept {
  if (!has_standard_error()) return false;
  constexpr std::string_view kPrefix = "runlog: ";
  std::array<char, kReport_bytes_max> line;
  char* end = std::copy(kPrefix.begin(), kPrefix.end(), line.data());
  end += copy_visible(std::span(line).subspan(kPrefix.size(), line.size() - kPrefix.size() - 1),
                      message);
  *end++ = '\n';
  const int saved_errno = errno;
  bool is_written = false;
  {
    const NoSignals guard;
    is_written = write_line({line.data(), static_cast<std::size_t>(end - line.data())});
    if (!is_written) guard.take_back();
  }
  errno = saved_errno;
  return is_written;
}

}  // namespace runlog
