// Output: data to a file descriptor through one buffer. A reader that goes away (`| head`) is not
// an error: writing stops, ok() turns false, and the program leaves quietly.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace runlog::tools {

class Output {
 public:
  /// `fd` stays the caller's. Nothing is written before the buffer is full or flush() is called.
  explicit Output(int fd);
  ~Output() = default;
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void write(std::string_view bytes) {
    buffer_ += bytes;
    if (buffer_.size() >= kBuffer_bytes) flush();
  }

  /// The buffer itself, to append to without a copy. Call settle() after each record.
  std::string& buffer() { return buffer_; }
  void settle() {
    if (buffer_.size() >= kBuffer_bytes) flush();
  }

  void flush();

  /// False once a write has failed; what is written later is thrown away.
  [[nodiscard]] bool ok() const { return errno_ == 0; }

  [[nodiscard]] bool is_terminal() const { return is_terminal_; }
  [[nodiscard]] bool has_color() const { return has_color_; }
  [[nodiscard]] int fd() const { return fd_; }

  /// Flushes. `exit_code`, or what became of the output: 141 when its reader went away, 1 with a
  /// message on stderr when it could not be written.
  int finish(int exit_code);

 private:
  static constexpr std::size_t kBuffer_bytes = std::size_t{64} * 1024;

  std::string buffer_;
  int fd_;
  int errno_ = 0;
  bool is_terminal_;
  bool has_color_;
};

}  // namespace runlog::tools
