// Real processes for tests: started, talked to, killed, waited for.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace test {

/// How a process ended.
struct Exit {
  int code = -1;   ///< exit status, or -1
  int signal = 0;  ///< signal that ended it, or 0
};

/// A child with its stdin and stdout in our hands; stderr goes to ours.
class Process {
 public:
  Process(const std::vector<std::string>& command,
          const std::vector<std::pair<std::string, std::string>>& environment = {});
  ~Process();  ///< kills it if it still runs
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// The next line of its stdout, without the newline; empty at the end.
  std::string read_line();
  /// Reads lines until one begins with `prefix` and returns it; empty at the end of output.
  std::string read_until(const std::string& prefix);
  /// Everything that is left.
  std::string read_all();
  void write(const std::string& text);
  void close_input();
  void kill(int signal);
  /// False once it has ended; wait() still tells how.
  [[nodiscard]] bool is_running() const;
  Exit wait();
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
  std::string buffer_;
};

/// Runs a command to its end and returns its stdout.
std::pair<Exit, std::string> run_command(
    const std::vector<std::string>& command,
    const std::vector<std::pair<std::string, std::string>>& environment = {});

/// A fresh directory below TMPDIR, removed at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const {
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

[[nodiscard]] std::string victim(const std::string& name);  ///< path of a victim program
[[nodiscard]] std::string tool(const std::string& name);    ///< path of a built tool
[[nodiscard]] std::string source(const std::string& name);  ///< path of a file of the repository

}  // namespace test
