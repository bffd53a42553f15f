#include "support/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>

namespace test {

Process::Process(const std::vector<std::string>& command,
                 const std::vector<std::pair<std::string, std::string>>& environment) {
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0) {
    throw std::runtime_error("pipe2");
  }
  ::signal(SIGPIPE, SIG_IGN);
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("fork");
  if (pid_ == 0) {
    ::dup2(in[0], STDIN_FILENO);
    ::dup2(out[1], STDOUT_FILENO);
    ::signal(SIGPIPE, SIG_DFL);
    for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
    std::vector<char*> arguments;
    for (const std::string& argument : command)
      arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::close(in[0]);
  ::close(out[1]);
  input_ = in[1];
  output_ = out[0];
}

Process::~Process() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    (void)wait();
  }
  close_input();
  if (output_ >= 0) ::close(output_);
}

std::string Process::read_line() {
  for (;;) {
    const std::size_t end = buffer_.find('\n');
    if (end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    std::array<char, 4096> chunk;
    const ssize_t got = ::read(output_, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::exchange(buffer_, {});
    buffer_.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

std::string Process::read_until(const std::string& prefix) {
  for (;;) {
    std::string line = read_line();
    if (line.empty() || line.starts_with(prefix)) return line;
  }
}

std::string Process::read_all() {
  std::string all = std::exchange(buffer_, {});
  std::array<char, 65536> chunk;
  for (;;) {
    const ssize_t got = ::read(output_, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return all;
    all.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

void Process::write(const std::string& text) {
  if (::write(input_, text.data(), text.size()) < 0) throw std::runtime_error("write to child");
}

void Process::close_input() {
  if (input_ >= 0) ::close(std::exchange(input_, -1));
}

void Process::kill(int signal) {
  ::kill(pid_, signal);
}

bool Process::is_running() const {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == 0;
}

Exit Process::wait() {
  if (pid_ <= 0) return {};
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  Exit result;
  if (WIFEXITED(status)) result.code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  return result;
}

std::pair<Exit, std::string> run_command(
    const std::vector<std::string>& command,
    const std::vector<std::pair<std::string, std::string>>& environment) {
  Process process(command, environment);
  process.close_input();
  std::string output = process.read_all();
  return {process.wait(), std::move(output)};
}

TemporaryDirectory::TemporaryDirectory() {
  const char* const base = ::getenv("TMPDIR");
  std::string name = std::string(base != nullptr ? base : "/tmp") + "/runlog-test-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp " + name);
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string victim(const std::string& name) {
  return std::string(RUNLOG_VICTIM_DIR) + "/" + name;
}
std::string tool(const std::string& name) {
  return std::string(RUNLOG_BIN_DIR) + "/" + name;
}
std::string source(const std::string& name) {
  return std::string(RUNLOG_SOURCE_DIR) + "/" + name;
}

}  // namespace test
