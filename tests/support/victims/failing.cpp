// A job in which system calls fail: failing MODE CALL PART FIRST COUNT, with RUNLOG_ROOT set. CALL
// is unlink, fsync, fdatasync, msync, or sync for each of the last three; of those on a path that
// contains PART ("" is any), the FIRST-th and the COUNT - 1 behind it fail with EIO; -1 is for
// ever. They are counted from the start of the job, or, under "durable", from the second half on.
// CALL may also be hang: an msync that never returns.
//   job: logs the steps 0 to 29999, completes; says "failed N dropped M".
//   durable: logs the steps 0 to 999 and waits for Durable, does so again with 1000 to 1999, says
//       the second answer and kills itself.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "runlog/runlog.hpp"

namespace {

using namespace std::chrono_literals;

std::string failing_call;
std::string failing_part;
int first_failing = 0;
int failing_count = 0;
std::atomic<bool> is_armed = false;
std::atomic<int> matching = 0;
std::atomic<int> failed = 0;

bool fails(const char* call, const char* path) {
  const bool hangs = failing_call == "hang" && std::strcmp(call, "msync") == 0;
  const bool is_of_kind = hangs || failing_call == call ||
                          (failing_call == "sync" && std::strstr(call, "sync") != nullptr);
  if (!is_armed || !is_of_kind || std::strstr(path, failing_part.c_str()) == nullptr) return false;
  const int number = ++matching;
  if (number < first_failing) return false;
  if (failing_count >= 0 && number >= first_failing + failing_count) return false;
  ++failed;
  while (hangs) ::pause();
  errno = EIO;
  return true;
}

bool fails(const char* call, int fd) {
  std::array<char, 4096> path{};
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  if (::readlink(link.c_str(), path.data(), path.size() - 1) < 0) return false;
  return fails(call, path.data());
}

void say(const std::string& line) {
  const std::string text = line + "\n";
  if (::write(STDOUT_FILENO, text.data(), text.size()) < 0) std::_Exit(9);
}

}  // namespace

// In the place of the C library's, also for the libraries of this program.
extern "C" int unlink(const char* path) noexcept {
  if (fails("unlink", path)) return -1;
  return static_cast<int>(::syscall(SYS_unlink, path));
}
extern "C" int fsync(int fd) {
  if (fails("fsync", fd)) return -1;
  return static_cast<int>(::syscall(SYS_fsync, fd));
}
extern "C" int fdatasync(int fd) {
  if (fails("fdatasync", fd)) return -1;
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}
extern "C" int msync(void* begin, std::size_t bytes, int flags) {
  if (fails("msync", "")) return -1;
  return static_cast<int>(::syscall(SYS_msync, begin, bytes, flags));
}

int main(int argc, char** argv) {
  if (argc < 6) return 2;
  const std::string mode = argv[1];
  failing_call = argv[2];
  failing_part = argv[3];
  first_failing = std::atoi(argv[4]);
  failing_count = std::atoi(argv[5]);
  auto run = runlog::start_logging({});
  if (!run) return 8;
  auto metric = run->metric("loss");
  std::int64_t step = 0;
  if (mode == "durable") {
    for (; step < 1000; ++step) metric.log(step, step);
    if (run->wait_until(runlog::Durable, 60s) != runlog::Wait::Done) return 7;
    is_armed = true;
    for (; step < 2000; ++step) metric.log(step, step);
    // Twice: the kernel answers the second sync of the same pages with success.
    (void)run->wait_until(runlog::Durable, 60s);
    const auto answer = run->wait_until(runlog::Durable, 60s);
    say(std::string(answer == runlog::Wait::Done ? "done" : "not done") + " failed " +
        std::to_string(failed));
    ::raise(SIGKILL);
  }
  is_armed = true;
  for (; step < 30'000; ++step) {
    metric.log(step, step);
    if (step % 500 == 0) std::this_thread::sleep_for(5ms);
  }
  run->complete();
  say("failed " + std::to_string(failed) + " dropped " + std::to_string(run->stats().dropped));
  return 0;
}
