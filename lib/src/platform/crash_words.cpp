#include "platform/crash_words.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <ctime>
#include <string_view>

#include "base/crc32c.hpp"
#include "platform/process_key.hpp"

namespace runlog {
namespace {

// The process that has called exit(), and with what. A child that it makes then has not.
constinit std::atomic<std::uint64_t> exiting = 0;
constinit std::atomic<std::int32_t> exit_status = 0;  // stored before `exiting` (release)
/// What a parent sees of it.
constexpr int kExit_status_mask = 0xff;

}  // namespace

void note_exit(int status) noexcept {
  exit_status.store(status & kExit_status_mask, std::memory_order_relaxed);
  exiting.store(process_key(), std::memory_order_release);
}

namespace crash {
namespace {

std::uint64_t magic() noexcept {
  const volatile std::uint64_t masked = kMagic_masked;
  return masked ^ kMagic_mask;
}

std::atomic_ref<std::uint64_t> magic_of(std::byte* part) noexcept {
  return std::atomic_ref<std::uint64_t>(*reinterpret_cast<std::uint64_t*>(part));
}

template <typename Part>
std::uint32_t crc_of(const Part& part, std::size_t begin) noexcept {
  return crc32c({reinterpret_cast<const std::byte*>(&part) + begin, sizeof part - begin});
}

void read_comm(std::int64_t pid, std::array<char, kName_bytes>& name) noexcept {
  std::array<char, 40> path{};
  char* at = path.data();
  for (const char c : std::string_view("/proc/")) *at++ = c;
  std::array<char, 20> digits{};
  std::size_t count = 0;
  for (; pid > 0 && count < digits.size(); pid /= 10) {
    digits[count++] = static_cast<char>('0' + pid % 10);
  }
  while (count > 0) *at++ = digits[--count];
  for (const char c : std::string_view("/comm")) *at++ = c;
  const int fd = ::open(path.data(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  const ssize_t got = ::read(fd, name.data(), name.size());
  ::close(fd);
  if (got > 0 && name[static_cast<std::size_t>(got) - 1] == '\n') {
    name[static_cast<std::size_t>(got) - 1] = '\0';
  }
}

}  // namespace

std::int64_t own_tid() noexcept {
  return ::syscall(SYS_gettid);
}

std::int64_t now_ns() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

Mark describe_self(std::uint32_t kind) noexcept {
  Mark mark{};
  mark.kind = kind;
  mark.time_ns = now_ns();
  mark.pid = ::getpid();
  mark.tid = own_tid();
  ::prctl(PR_GET_NAME, mark.thread_name);
  if (exiting.load(std::memory_order_acquire) == process_key()) {
    mark.flags = kAfter_exit;
    mark.exit_status = exit_status.load(std::memory_order_relaxed);
  }
  return mark;
}

Mark describe(const CaughtSignal& caught) noexcept {
  Mark mark = describe_self(kSignal);
  mark.signal = caught.number;
  if (!caught.is_certain) mark.flags |= kProvisional;
  if (caught.info == nullptr) return mark;
  mark.code = caught.info->si_code;
  switch (mark.code) {
    case SI_USER:
    case SI_QUEUE:
    case SI_TKILL: {
      mark.sender_pid = caught.info->si_pid;
      mark.sender_uid = caught.info->si_uid;
      std::array<char, kName_bytes> name{};
      if (mark.sender_pid > 0 && mark.sender_pid != mark.pid) read_comm(mark.sender_pid, name);
      std::memcpy(mark.sender_name, name.data(), name.size());
      break;
    }
    default:
      if (mark.code <= 0) break;
      if (caught.number == SIGSYS)
        mark.number = static_cast<std::uint32_t>(caught.info->si_syscall);
      if (caught.number == SIGSEGV || caught.number == SIGBUS || caught.number == SIGFPE ||
          caught.number == SIGILL || caught.number == SIGTRAP || caught.number == SIGSYS) {
        mark.address = reinterpret_cast<std::uint64_t>(caught.info->si_addr);
      }
  }
  return mark;
}

void write_mark(std::byte* part, Mark mark) noexcept {
  magic_of(part).store(0, std::memory_order_release);
  mark.crc = crc_of(mark, offsetof(Mark, kind));
  std::memcpy(part + sizeof mark.magic,
              reinterpret_cast<const std::byte*>(&mark) + sizeof mark.magic,
              sizeof mark - sizeof mark.magic);
  magic_of(part).store(magic(), std::memory_order_release);
}

Mark read_mark(const std::byte* part) noexcept {
  Mark mark;
  std::memcpy(&mark, part, sizeof mark);
  return mark;
}

bool has_mark(std::byte* part) noexcept {
  return magic_of(part).load(std::memory_order_acquire) != 0;
}

void remove_mark(std::byte* part) noexcept {
  magic_of(part).store(0, std::memory_order_release);
}

void set_crc(Exception& exception) noexcept {
  exception.crc = crc_of(exception, offsetof(Exception, type_bytes));
}

void set_crc(Backtrace& backtrace) noexcept {
  backtrace.crc = crc_of(backtrace, offsetof(Backtrace, frames));
}

}  // namespace crash
}  // namespace runlog
