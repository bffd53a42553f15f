#include "ship/cloud/credential_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <thread>

#include "ship/cloud/encoding.hpp"

extern char** environ;

namespace runlog {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kProcess_time_max{60};
constexpr std::size_t kOutput_bytes_max = 64u << 10;

class Descriptor {
 public:
  Descriptor() = default;
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  void close() noexcept {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
  int fd = -1;
};

// The child starts as a program of the user's would: no signal blocked, SIGPIPE as usual.
// posix_spawn runs no fork handlers, so the library does not take it for a forked worker.
int spawn(const std::vector<std::string>& words, int output, pid_t& pid) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  sigset_t none;
  sigset_t standard;
  sigemptyset(&none);
  sigemptyset(&standard);
  sigaddset(&standard, SIGPIPE);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &standard);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const int failed = ::posix_spawnp(&pid, argv[0], &actions, &attributes, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  return failed;
}

enum class Read : std::uint8_t { whole, too_long, late, failed };

Read read_output(int fd, Clock::time_point deadline, std::string& output) {
  // Room at once: a string that grows leaves copies of its content behind.
  output.resize(kOutput_bytes_max);
  std::size_t size = 0;
  Read how = Read::whole;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) {
      how = Read::late;
      break;
    }
    pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(left));
    if (ready < 0 && errno != EINTR) how = Read::failed;
    if (how == Read::failed) break;
    if (ready <= 0) continue;
    if (size == output.size()) {
      how = Read::too_long;
      break;
    }
    const ssize_t got = ::read(fd, output.data() + size, output.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) how = Read::failed;
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  output.resize(size);
  return how;
}

// The exit status; 0 also when somebody else's waitpid was first, and the output decides. A program
// that closes its output and goes on is killed at the deadline.
int reap(pid_t pid, Clock::time_point deadline) {
  constexpr std::chrono::milliseconds kLook_again{10};
  for (;;) {
    int status = 0;
    const pid_t got = ::waitpid(pid, &status, WNOHANG);
    if (got == pid) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (got < 0 && errno != EINTR) return 0;
    if (Clock::now() >= deadline) ::kill(pid, SIGKILL);
    std::this_thread::sleep_for(kLook_again);
  }
}

}  // namespace

std::optional<std::vector<std::string>> split_command(std::string_view command) {
  std::vector<std::string> words;
  std::string word;
  bool is_in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < command.size(); ++i) {
    const char c = command[i];
    if (quote == '\'') {
      if (c == '\'')
        quote = 0;
      else
        word += c;
    } else if (quote == '"') {
      const bool escapes =
          c == '\\' && i + 1 < command.size() && (command[i + 1] == '"' || command[i + 1] == '\\');
      if (escapes)
        word += command[++i];
      else if (c == '"')
        quote = 0;
      else
        word += c;
    } else if (c == ' ' || c == '\t') {
      if (is_in_word) words.push_back(std::move(word));
      word.clear();
      is_in_word = false;
    } else {
      is_in_word = true;
      if (c == '\'' || c == '"')
        quote = c;
      else if (c == '\\' && i + 1 < command.size())
        word += command[++i];
      else
        word += c;
    }
  }
  if (quote != 0) return {};
  if (is_in_word) words.push_back(std::move(word));
  return words;
}

Result<Secret> run_credential_process(const std::string& command, std::string_view what) {
  const auto error = [&](Errc code, const std::string& why) {
    return Error{code, 0, std::string(what) + " " + why};
  };
  const auto words = split_command(command);
  if (!words || words->empty()) {
    return error(Errc::invalid_argument, "is no command: a quote is left open, or it is empty");
  }
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return os_error(errno, "cannot make a pipe for", what);
  Descriptor output;
  Descriptor input;
  output.fd = ends[0];
  input.fd = ends[1];
  pid_t pid = 0;
  if (const int failed = spawn(*words, input.fd, pid); failed != 0) {
    return os_error(failed, "cannot start the " + std::string(what) + ": its program", "");
  }
  input.close();
  std::string text;
  const auto deadline = Clock::now() + kProcess_time_max;
  const Read how = read_output(output.fd, deadline, text);
  output.close();
  if (how != Read::whole) ::kill(pid, SIGKILL);
  const int status = reap(pid, deadline);
  Secret printed(std::move(text));
  if (how == Read::late) return error(Errc::unavailable, "did not end within 60 s and was killed");
  if (how == Read::too_long) return error(Errc::invalid_argument, "printed more than 64 KiB");
  if (how == Read::failed) return error(Errc::unavailable, "cannot be read from");
  if (status != 0) {
    return error(Errc::unavailable,
                 "ended with status " + std::to_string(status) + "; run it by hand to see why");
  }
  return printed;
}

}  // namespace runlog
