// What a job says has returned to it, in memory that outlives it: a file that the job and its test
// both map. SIGKILL cannot take back a store to it, so the test knows to the record what must be
// there. For the victim `killable` and the tests that kill it.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

namespace test {

/// One slot per thread that logs; forked children come behind the threads.
struct Acknowledged {
  static constexpr std::size_t kSlots = 8;
  std::array<std::atomic<std::uint64_t>, kSlots> records = {};
  std::atomic<std::uint64_t> files = 0;
  /// Of those records and files: what wait_until(Durable) has said Done to.
  std::array<std::atomic<std::uint64_t>, kSlots> durable = {};
  std::atomic<std::uint64_t> durable_files = 0;
  std::atomic<std::uint64_t> dropped = 0;  ///< by stats(), once the run has ended
  std::atomic<bool> has_ended = false;

  [[nodiscard]] std::uint64_t total() const {
    std::uint64_t sum = 0;
    for (const auto& one : records) sum += one.load();
    return sum;
  }
};

/// Maps `path`, created with zeros when it is not there; nullptr when that fails. Never unmapped:
/// a test process has few of them.
inline Acknowledged* map_acknowledged(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || ::ftruncate(fd, sizeof(Acknowledged)) != 0) return nullptr;
  void* const memory =
      ::mmap(nullptr, sizeof(Acknowledged), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  return memory == MAP_FAILED ? nullptr : static_cast<Acknowledged*>(memory);
}

/// The name under which slot `slot` logs its numbers 0, 1, 2, …
inline std::string slot_name(std::size_t slot) {
  return "slot/" + std::to_string(slot);
}
/// Every eighth number is logged as a text and not as a metric, so that both kinds are killed.
inline bool is_logged_as_text(std::uint64_t number) {
  return number % 8 == 7;
}
inline std::string artifact_name(std::uint64_t number) {
  return "artifact/" + std::to_string(number);
}
inline std::string artifact_content(std::uint64_t number) {
  return "the content of artifact " + std::to_string(number) + "\n";
}

}  // namespace test
