#include "platform/child_output.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "platform/descriptors.hpp"

namespace runlog {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kLook_interval{100};

// The program's path: posix_spawnp would read PATH from the environment, which belongs to the
// user's threads.
std::string find_program(const std::string& name, std::string_view search_path) {
  if (name.find('/') != std::string::npos) return name;
  while (!search_path.empty()) {
    const std::size_t end = std::min(search_path.find(':'), search_path.size());
    std::string path(search_path.substr(0, end));
    search_path.remove_prefix(std::min(end + 1, search_path.size()));
    if (path.empty()) continue;  // would be the current directory: nobody's wish
    path += '/' + name;
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return {};
}

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// The settings of posix_spawn: which descriptors and signals the child has.
class Setup {
 public:
  explicit Setup(int output) {
    error_ = ::posix_spawn_file_actions_init(&actions_);
    if (error_ != 0) return;
    has_actions_ = true;
    note(::posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0));
    note(::posix_spawn_file_actions_adddup2(&actions_, output, 1));
    // Where the job has closed its standard error, the program must not find the number free: the
    // next file that it opens would get what it says.
    if (!is_open_for_job(2) || (::fcntl(2, F_GETFD) & FD_CLOEXEC) != 0) {
      note(::posix_spawn_file_actions_addopen(&actions_, 2, "/dev/null", O_WRONLY, 0));
    }
#if defined(__GLIBC__) && (__GLIBC__ > 2 || (__GLIBC__ == 2 && __GLIBC_MINOR__ >= 34))
    // The user's own descriptors may lack O_CLOEXEC.
    note(::posix_spawn_file_actions_addclosefrom_np(&actions_, 3));
#endif
    note(::posix_spawnattr_init(&attributes_));
    if (error_ != 0) return;
    has_attributes_ = true;
    // The thread that ships blocks signals; a child would inherit that for good.
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    note(::posix_spawnattr_setsigmask(&attributes_, &none));
    note(::posix_spawnattr_setsigdefault(&attributes_, &all));
    note(::posix_spawnattr_setpgroup(&attributes_, 0));
    note(::posix_spawnattr_setflags(
        &attributes_, static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                         POSIX_SPAWN_SETPGROUP)));
  }
  ~Setup() {
    if (has_actions_) ::posix_spawn_file_actions_destroy(&actions_);
    if (has_attributes_) ::posix_spawnattr_destroy(&attributes_);
  }
  Setup(const Setup&) = delete;
  Setup& operator=(const Setup&) = delete;

  int spawn(pid_t& pid, const std::string& program, const ChildCommand& command) {
    if (error_ != 0) return error_;
    const std::vector<char*> arguments = pointers_to(command.arguments);
    const std::vector<char*> environment = pointers_to(command.environment);
    return ::posix_spawn(&pid, program.c_str(), &actions_, &attributes_, arguments.data(),
                         environment.data());
  }

 private:
  void note(int error) noexcept {
    if (error_ == 0) error_ = error;
  }
  posix_spawn_file_actions_t actions_ = {};
  posix_spawnattr_t attributes_ = {};
  bool has_actions_ = false;
  bool has_attributes_ = false;
  int error_ = 0;
};

// The started program; never outlives this.
class Child {
 public:
  Child(pid_t pid, const ChildCommand& command)
      : pid_(pid), command_(command), deadline_(Clock::now() + command.timeout) {}
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);
    (void)reap(0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  Result<std::string> read(int fd) {
    std::string output;
    for (;;) {
      if (auto stop = must_stop()) return std::move(*stop);
      pollfd waiting{fd, POLLIN, 0};
      const int ready = ::poll(&waiting, 1, static_cast<int>(kLook_interval.count()));
      if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
      std::array<char, 4096> buffer{};
      const ssize_t got = ::read(fd, buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return os_error(errno, "cannot read the output of", command_.arguments[0]);
      if (got == 0) return output;
      if (output.size() + static_cast<std::size_t>(got) > command_.output_bytes_max) {
        return error(Errc::too_large, "wrote more than any sound answer has");
      }
      output.append(buffer.data(), static_cast<std::size_t>(got));
    }
  }

  // Its output has ended; so should it.
  Result<void> wait() {
    while (!reap(WNOHANG)) {
      if (auto stop = must_stop()) return std::move(*stop);
      ::poll(nullptr, 0, 10);
    }
    // Where the process ignores SIGCHLD, or waits for all children itself, there is no status: the
    // output has to speak for itself.
    if (!has_status_) return {};
    if (WIFEXITED(status_) && WEXITSTATUS(status_) == 0) return {};
    return error(Errc::io, WIFSIGNALED(status_)
                               ? "was ended by signal " + std::to_string(WTERMSIG(status_))
                               : "ended with status " + std::to_string(WEXITSTATUS(status_)));
  }

 private:
  bool reap(int flags) noexcept {
    pid_t got = 0;
    do {
      got = ::waitpid(pid_, &status_, flags);
    } while (got < 0 && errno == EINTR);
    if (got == 0) return false;
    has_status_ = got == pid_;
    pid_ = -1;
    return true;
  }

  std::optional<Error> must_stop() const {
    if (Clock::now() >= deadline_) {
      return error(Errc::timeout,
                   "had not ended after " + std::to_string(command_.timeout.count()) + " ms");
    }
    if (command_.is_cancelled && command_.is_cancelled()) {
      return error(Errc::unavailable, "was interrupted");
    }
    return {};
  }

  [[nodiscard]] Error error(Errc code, const std::string& why) const {
    return Error{code, 0, command_.arguments[0] + " " + why};
  }

  pid_t pid_;
  const ChildCommand& command_;
  const Clock::time_point deadline_;
  int status_ = 0;
  bool has_status_ = false;
};

}  // namespace

Result<std::string> output_of_child(const ChildCommand& command) {
  if (command.arguments.empty()) {
    return Error{Errc::invalid_argument, 0, "there is no program to run"};
  }
  const std::string program = find_program(command.arguments[0], command.search_path);
  if (program.empty()) {
    return Error{Errc::not_found, 0, command.arguments[0] + " is in no directory of PATH"};
  }
  std::array<int, 2> ends{-1, -1};
  {
    const LowNumbers low;
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
      return os_error(errno, "cannot make a pipe for", command.arguments[0]);
    }
  }
  Descriptor ours(lift(ends[0]));
  Descriptor theirs(lift(ends[1]));
  if (ours.get() < 0 || theirs.get() < 0) {
    return os_error(EMFILE, "cannot make a pipe for", command.arguments[0]);
  }
  pid_t pid = -1;
  if (const int failed = Setup(theirs.get()).spawn(pid, program, command); failed != 0) {
    return os_error(failed, "cannot run", command.arguments[0]);
  }
  theirs.close();
  Child child(pid, command);
  auto output = child.read(ours.get());
  if (!output) return output;
  auto ended = child.wait();
  if (!ended) return std::move(ended).error();
  return output;
}

std::optional<std::vector<std::string>> split_command_line(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool is_in_word = false;
  char quote = '\0';
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    const bool has_next = i + 1 < line.size();
    if (quote == '\'') {
      if (c == quote) {
        quote = '\0';
      } else {
        word += c;
      }
    } else if (quote == '"') {
      if (c == quote) {
        quote = '\0';
      } else if (c == '\\' && has_next && (line[i + 1] == '"' || line[i + 1] == '\\')) {
        word += line[++i];
      } else {
        word += c;
      }
    } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      if (is_in_word) words.push_back(std::exchange(word, {}));
      is_in_word = false;
    } else {
      is_in_word = true;
      if (c == '\'' || c == '"') {
        quote = c;
      } else if (c == '\\') {
        if (!has_next) return {};
        word += line[++i];
      } else {
        word += c;
      }
    }
  }
  if (quote != '\0') return {};
  if (is_in_word) words.push_back(std::move(word));
  return words;
}

}  // namespace runlog
