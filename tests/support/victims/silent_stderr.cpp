// A job whose disk budget is used up while its stderr is KIND. Usage: silent_stderr KIND ROOT.
// Logs from two threads until calls are dropped, and on until the library has had to report;
// completes, and says "calls N M dropped D unwritten U".
//   open          a pipe with room
//   no_reader     a pipe whose reader has gone
//   full          a pipe that is full and nobody reads; full_locked: and a thread holds stdio's
//   lock
//                 of stderr for ever
//   full_socket, closed_socket   the same of a socket
//   at_limit      a file that may not grow (RLIMIT_FSIZE)
//   stopped       a terminal that was stopped (Ctrl-S), and whose buffer nobody reads
//   closed        closed after the start
//   taken         closed before the start; then a file of the job's gets the number 2: ROOT.data
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "runlog/runlog.hpp"

using namespace std::chrono_literals;

namespace {

void say(const std::string& line) {
  const std::string text = line + "\n";
  if (::write(STDOUT_FILENO, text.data(), text.size()) < 0) std::_Exit(9);
}

void fill(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  const std::array<char, 4096> filler{};
  while (::write(fd, filler.data(), filler.size()) > 0) {
  }
  while (::write(fd, filler.data(), 1) > 0) {
  }
  ::fcntl(fd, F_SETFL, flags);
}

void set_up(const std::string& kind, const std::string& root) {
  std::array<int, 2> ends{-1, -1};
  if (kind == "open" || kind == "no_reader" || kind.starts_with("full") ||
      kind == "closed_socket") {
    const bool is_socket = kind.ends_with("_socket");
    const int failed =
        is_socket ? ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) : ::pipe(ends.data());
    if (failed != 0) std::_Exit(9);
    if (kind.starts_with("full")) fill(ends[1]);
    if (kind == "no_reader" || kind == "closed_socket") ::close(ends[0]);
    ::dup2(ends[1], STDERR_FILENO);
  } else if (kind == "at_limit") {
    const int file = ::open((root + ".err").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    const rlimit limit{std::size_t{16} << 20, std::size_t{16} << 20};
    if (::ftruncate(file, 16 << 20) != 0 || ::setrlimit(RLIMIT_FSIZE, &limit) != 0) std::_Exit(9);
    ::dup2(file, STDERR_FILENO);
  } else if (kind == "stopped") {
    const int master = ::posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || ::grantpt(master) != 0 || ::unlockpt(master) != 0) std::_Exit(9);
    const int slave = ::open(::ptsname(master), O_RDWR | O_NOCTTY);
    if (slave < 0) std::_Exit(9);
    fill(slave);
    ::tcflow(slave, TCOOFF);
    ::dup2(slave, STDERR_FILENO);
  } else if (kind == "taken") {
    ::close(STDERR_FILENO);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const std::string kind = argv[1];
  const std::string root = argv[2];
  ::signal(SIGPIPE, SIG_DFL);
  ::signal(SIGXFSZ, SIG_DFL);
  set_up(kind, root);
  // Before the start, so that the lock is held when the first report is due. Never given back.
  if (kind == "full_locked") {
    std::atomic<bool> is_locked = false;
    std::thread([&is_locked] {
      ::flockfile(stderr);
      is_locked = true;
      is_locked.notify_one();
      for (;;) ::pause();
    }).detach();
    is_locked.wait(false);
  }
  auto run =
      runlog::start_logging({.root = root, .segment_bytes = 64u << 10, .disk_budget = 256u << 10});
  if (!run) {
    say("error " + run.error().message);
    return 8;
  }
  if (kind == "closed") ::close(STDERR_FILENO);
  if (kind == "taken" &&
      ::open((root + ".data").c_str(), O_WRONLY | O_CREAT, 0644) != STDERR_FILENO) {
    return 9;
  }
  std::array<std::int64_t, 2> calls = {};
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < calls.size(); ++thread) {
    threads.emplace_back([&, thread] {
      auto metric = run->metric("loss/" + std::to_string(thread));
      for (std::int64_t i = 0; i < 100'000'000; ++i) {
        metric.log(i, i);
        ++calls[thread];
        if (i % 1000 != 0) continue;
        const auto stats = run->stats();
        if (stats.dropped > 0 && !stats.last_error.empty()) break;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  run->complete();
  const auto stats = run->stats();
  say("calls " + std::to_string(calls[0]) + " " + std::to_string(calls[1]) + " dropped " +
      std::to_string(stats.dropped) + " unwritten " + std::to_string(stats.reports_unwritten));
  // The handlers of exit() flush stderr, and would wait for its lock with or without us.
  if (kind == "full_locked") ::_exit(0);
  return 0;
}
