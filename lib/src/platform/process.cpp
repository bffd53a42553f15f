#include "platform/process.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <sstream>

#include "base/command_line.hpp"
#include "base/utf8.hpp"
#include "platform/file_system.hpp"

namespace runlog {
namespace {

constexpr std::size_t kArguments_bytes_max = 16u << 10;  // looked at
constexpr std::size_t kCommand_line_bytes_max = 4096;    // kept

// Files in /proc have no size to ask for; read what there is, up to a bound. Empty: unreadable.
std::string read_proc(const char* path, std::size_t bytes_max) {
  const auto file = OpenFile::open(path, O_RDONLY);
  if (!file) return {};
  std::string text(bytes_max, '\0');
  const auto got = read_at(file->fd(), 0, std::as_writable_bytes(std::span(text)), path);
  text.resize(got ? *got : 0);
  return text;
}

struct ProcStat {
  char state = '?';
  std::int64_t threads = 0;
  std::int64_t start_ticks = 0;
  std::uint64_t stack = 0;  // 0: not for us to know
};

// Of `pid`, or of this process ("self"). Nothing: it cannot be read.
std::optional<ProcStat> read_stat(const std::string& pid) {
  const std::string text = read_proc(("/proc/" + pid + "/stat").c_str(), 4096);
  // The command in field 2 may hold spaces and parentheses: count from the last ')'.
  const std::size_t close = text.rfind(')');
  if (close == std::string::npos) return {};
  std::istringstream fields(text.substr(close + 1));
  ProcStat stat;
  std::string field;
  fields >> stat.state;
  for (int number = 4; number <= 20; ++number) fields >> field;
  std::from_chars(field.data(), field.data() + field.size(), stat.threads);
  fields >> field >> field;
  const auto parsed = std::from_chars(field.data(), field.data() + field.size(), stat.start_ticks);
  if (!fields || parsed.ec != std::errc{}) return {};
  for (int number = 23; number <= 28; ++number) fields >> field;
  std::from_chars(field.data(), field.data() + field.size(), stat.stack);
  return stat;
}

std::string boot_id() {
  std::string id = read_proc("/proc/sys/kernel/random/boot_id", 64);
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

std::int64_t namespace_inode(const char* path) {
  struct stat info {};
  return ::stat(path, &info) == 0 ? static_cast<std::int64_t>(info.st_ino) : 0;
}
std::int64_t pid_namespace() {
  return namespace_inode("/proc/self/ns/pid");
}
// Start times are told in the time of the reader's own.
std::int64_t time_namespace() {
  return namespace_inode("/proc/self/ns/time");
}

// In a container that mounts another's /proc, its numbers are not those that kill() takes.
bool is_proc_ours() {
  std::array<char, 32> target{};
  if (::readlink("/proc/self", target.data(), target.size() - 1) <= 0) return false;
  return std::to_string(::getpid()) == target.data();
}

}  // namespace

ProcessIdentity this_process() {
  ProcessIdentity identity;
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) == 0) identity.host = host.data();
  identity.boot_id = boot_id();
  identity.pid = ::getpid();
  if (const auto stat = read_stat("self")) {
    identity.start_ticks = stat->start_ticks;
    identity.stack = stat->stack;
  }
  identity.pid_namespace = pid_namespace();
  identity.time_namespace = time_namespace();
  std::string arguments = read_proc("/proc/self/cmdline", kArguments_bytes_max);
  // Half an argument may be half a URL, whose secret cannot be told.
  const bool is_cut = arguments.size() >= kArguments_bytes_max;
  if (is_cut) arguments.resize(arguments.rfind('\0') + 1);
  const std::string shown = mend_utf8(shown_command_line(arguments));
  identity.command_line = utf8_prefix(shown, kCommand_line_bytes_max);
  return identity;
}

Life life_of(const ProcessIdentity& other) {
  if (other.boot_id.empty() || other.pid <= 0 || other.start_ticks <= 0 ||
      other.pid_namespace == 0) {
    return Life::unknown;
  }
  if (other.boot_id != boot_id() || other.pid_namespace != pid_namespace()) return Life::unknown;
  // Not by /proc: it may hide the processes of other users.
  if (::kill(static_cast<pid_t>(other.pid), 0) != 0 && errno == ESRCH) return Life::gone;
  if (!is_proc_ours()) return Life::unknown;
  const auto stat = read_stat(std::to_string(other.pid));
  if (!stat) return Life::unknown;
  if (stat->start_ticks != other.start_ticks) {
    return other.time_namespace == time_namespace() ? Life::gone : Life::unknown;
  }
  // A main thread that has ended while others live on looks like a zombie too.
  if ((stat->state == 'Z' || stat->state == 'X') && stat->threads <= 1) return Life::gone;
  // The same process, and another program: its maps and threads are gone. Where addresses are not
  // random it may have the same stack, and is taken for the old one.
  if (stat->stack != 0 && other.stack != 0 && stat->stack != other.stack) return Life::gone;
  return Life::alive;
}

std::int64_t threads_without_main() noexcept {
  try {
    const auto stat = read_stat("self");
    return stat && stat->state == 'Z' ? stat->threads - 1 : 0;
  } catch (const std::bad_alloc&) {
    return 0;
  }
}

void block_asynchronous_signals() noexcept {
  sigset_t all;
  ::sigfillset(&all);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) {
    ::sigdelset(&all, fault);
  }
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

std::int64_t own_pid() noexcept {
  return ::getpid();
}

std::filesystem::path home_of_user() {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found) != 0) return {};
  return found != nullptr && found->pw_dir != nullptr ? found->pw_dir : "";
}

std::uint32_t own_user() noexcept {
  return ::geteuid();
}

std::string user_text(std::uint32_t user) {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  const std::string number = "uid " + std::to_string(user);
  const bool is_known =
      ::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr;
  return is_known ? std::string(found->pw_name) + " (" + number + ")" : number;
}

void lower_own_priority(int nice) noexcept {
  // Batch: does not preempt others when it wakes. Not SCHED_IDLE, see decision 0004.
  const sched_param none{};
  (void)::sched_setscheduler(0, SCHED_BATCH, &none);  // 0: the calling thread, on Linux
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), nice);
}

std::optional<std::string> environment(const char* name) {
  // Reading is safe beside readers; a job that calls setenv() beside threads has this race anyway.
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  if (value == nullptr || *value == '\0') return {};
  return std::string(value);
}

}  // namespace runlog
