// descriptors: keeps our descriptors above 2, also in a job that has closed 0, 1 or 2: otherwise
// the job would print into our file.
#pragma once

#include <utility>

namespace runlog {

/// While one lives, what any thread opens gets a number above 2: those that are free are taken, for
/// that moment, by descriptors which can be neither read nor written (O_PATH), so that reading and
/// printing fail as before. Costs three fcntl calls where none is free.
///
/// What remains: a job that opens a file in just this moment, to have it as its 0, 1 or 2, gets
/// another number; and a thread that closes one of the three just after we looked may see ours open
/// there until lift() has moved it. Both need a job that rearranges them beside a running run.
class LowNumbers {
 public:
  LowNumbers() noexcept;
  ~LowNumbers();
  LowNumbers(const LowNumbers&) = delete;
  LowNumbers& operator=(const LowNumbers&) = delete;
};

/// `fd` itself when it is above 2 (or negative), else a copy that is, with O_CLOEXEC; the low one
/// is closed. -1 with errno: no number is left.
int lift(int fd) noexcept;

/// What `open`, a call that returns a new descriptor or -1, returns, above 2.
template <typename Open>
int open_above_2(Open open) noexcept {
  const LowNumbers low;
  return lift(open());
}

/// Whether the process has a usable descriptor of that number: not a free one, and not ours.
bool is_open_for_job(int fd) noexcept;

/// Whether the process had a standard error when this library was loaded. What has the number 2 in
/// one that had none is some file of the job's.
bool had_standard_error() noexcept;

/// Owns a descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) noexcept : fd_(fd) {}
  ~Descriptor() { close(); }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  [[nodiscard]] int get() const noexcept { return fd_; }
  void close() noexcept;

 private:
  int fd_;
};

}  // namespace runlog
