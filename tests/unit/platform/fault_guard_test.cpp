// A page whose file takes no write, while it can be read: a file system that copies on write has no
// room. The kernel says so with a SIGBUS; here the test sends one like it.
#include "platform/fault_guard.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <vector>

#include "support/catch.hpp"
#include "support/process.hpp"

namespace {

constexpr std::size_t kPage_bytes = 4096;

// As the kernel does where `address` faults.
void raise_fault_at(void* address) {
  siginfo_t info{};
  info.si_signo = SIGBUS;
  info.si_code = BUS_ADRERR;
  info.si_addr = address;
  REQUIRE(::syscall(SYS_rt_tgsigqueueinfo, ::getpid(), ::gettid(), SIGBUS, &info) == 0);
}

}  // namespace

TEST_CASE("a page that takes no write is replaced by memory with the same content") {
  const test::TemporaryDirectory scratch;
  const std::string path = scratch / "file";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  REQUIRE(fd >= 0);
  const std::vector<char> content(2 * kPage_bytes, 'x');
  REQUIRE(::write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  void* const map = ::mmap(nullptr, content.size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  REQUIRE(map != MAP_FAILED);
  char* const bytes = static_cast<char*>(map);

  std::atomic<std::uint32_t> flags = 0;
  {
    const runlog::WatchedRange watched(std::as_writable_bytes(std::span(bytes, content.size())),
                                       &flags, 4);
    runlog::install_sigbus_guard();
    const auto caught = runlog::sigbus_caught();
    raise_fault_at(bytes + kPage_bytes + 100);
    CHECK(runlog::sigbus_caught() == caught + 1);
    CHECK(flags == 4);
    CHECK(std::equal(content.begin(), content.end(), bytes));
  }

  // That page is memory of this process now, and the other one still the file.
  bytes[0] = 'y';
  bytes[kPage_bytes] = 'z';
  std::vector<char> file(content.size());
  CHECK(::pread(fd, file.data(), file.size(), 0) == static_cast<ssize_t>(file.size()));
  CHECK(file[0] == 'y');
  CHECK(file[kPage_bytes] == 'x');
  ::munmap(map, content.size());
  ::close(fd);
}
