#include "platform/process.hpp"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/utf8.hpp"

namespace runlog {
namespace {

constexpr std::size_t kCommand_line_bytes_max = 4096;

// Files in /proc have no size to ask for; read what there is, up to a bound.
std::string read_proc(const char* path, std::size_t bytes_max) {
  std::ifstream file(path, std::ios::binary);
  std::string text(bytes_max, '\0');
  file.read(text.data(), static_cast<std::streamsize>(bytes_max));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, file.gcount())));
  return text;
}

std::int64_t own_start_ticks() {
  const std::string text = read_proc("/proc/self/stat", 4096);
  // The command in field 2 may hold spaces and parentheses: count from the last ')'.
  const std::size_t close = text.rfind(')');
  if (close == std::string::npos) return 0;
  std::istringstream fields(text.substr(close + 1));
  std::string field;
  for (int number = 3; number <= 22; ++number) fields >> field;
  std::int64_t ticks = 0;
  std::from_chars(field.data(), field.data() + field.size(), ticks);
  return ticks;
}

}  // namespace

ProcessIdentity this_process() {
  ProcessIdentity identity;
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) == 0) identity.host = host.data();
  identity.boot_id = read_proc("/proc/sys/kernel/random/boot_id", 64);
  while (!identity.boot_id.empty() && identity.boot_id.back() == '\n') identity.boot_id.pop_back();
  identity.pid = ::getpid();
  identity.start_ticks = own_start_ticks();
  std::string command = read_proc("/proc/self/cmdline", kCommand_line_bytes_max);
  while (!command.empty() && command.back() == '\0') command.pop_back();
  for (char& c : command) {
    if (c == '\0') c = ' ';
  }
  identity.command_line = mend_utf8(command);
  return identity;
}

void block_asynchronous_signals() noexcept {
  sigset_t all;
  ::sigfillset(&all);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) {
    ::sigdelset(&all, fault);
  }
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

void lower_own_priority(int nice) noexcept {
  // Batch: does not preempt others when it wakes. Not SCHED_IDLE, see decision 0010.
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
