// Acknowledged: counts the logging calls that have returned, where SIGKILL cannot take the count:
// in a small text file, mapped shared into memory. It shares nothing with runlog, so that
// tools/quickstart can hold runlog to it. A program that only wants to log does not need it.
//
//   00001234 metric train/loss
//   00000003 file
//
// One line of 64 bytes per counter. Its eight digits are stored as one machine word: whoever reads
// the file finds a whole number at every instant.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <runlog/runlog.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

/// One line of the file. Used by one thread.
class Counter {
 public:
  explicit Counter(std::uint64_t& digits) : digits_(digits) {}
  void add(std::uint64_t calls = 1) {
    count_ += calls;
    std::array<char, 8> text{};
    std::uint64_t rest = count_;
    for (auto digit = text.rbegin(); digit != text.rend(); ++digit, rest /= 10) {
      *digit = static_cast<char>('0' + rest % 10);
    }
    std::uint64_t word = 0;
    std::memcpy(&word, text.data(), sizeof word);
    digits_.store(word, std::memory_order_release);
  }

 private:
  std::atomic_ref<std::uint64_t> digits_;
  std::uint64_t count_ = 0;
};

/// The file. Must outlive its counters.
class Acknowledged {
 public:
  /// Makes `path` anew. An empty path counts in memory that nobody else sees.
  explicit Acknowledged(const std::string& path) {
    int fd = -1;
    if (!path.empty()) {
      fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
      if (fd < 0 || ::ftruncate(fd, kBytes) != 0) throw std::runtime_error("cannot make " + path);
    }
    const int sharing = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    void* const memory = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, sharing, fd, 0);
    if (fd >= 0) ::close(fd);
    if (memory == MAP_FAILED) throw std::runtime_error("cannot map " + path);
    lines_ = static_cast<char*>(memory);
  }
  ~Acknowledged() { ::munmap(lines_, kBytes); }
  Acknowledged(const Acknowledged&) = delete;
  Acknowledged& operator=(const Acknowledged&) = delete;

  /// A new line: 0 calls of `what`. From one thread only.
  Counter counter(std::string_view what) {
    if (count_ == kLines_max) throw std::runtime_error("too many counters");
    char* const line = lines_ + kLine_bytes * count_++;
    std::memset(line, ' ', kLine_bytes - 1);
    what.copy(line + 9, kLine_bytes - 10);
    line[kLine_bytes - 1] = '\n';
    Counter counter(*reinterpret_cast<std::uint64_t*>(line));
    counter.add(0);
    return counter;
  }

 private:
  static constexpr std::size_t kLine_bytes = 64;
  static constexpr std::size_t kLines_max = 64;
  static constexpr std::size_t kBytes = kLine_bytes * kLines_max;
  char* lines_ = nullptr;
  std::size_t count_ = 0;
};

/// A metric whose calls are counted once they have returned. Used by one thread.
class CountedMetric {
 public:
  CountedMetric(runlog::Run& run, Acknowledged& acknowledged, const std::string& name)
      : metric_(run.metric(name)), returned_(acknowledged.counter("metric " + name)) {}
  void log(runlog::Number value, std::int64_t step) {
    metric_.log(value, step);
    returned_.add();
  }

 private:
  runlog::Metric metric_;
  Counter returned_;
};
