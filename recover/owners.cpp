#include "owners.hpp"

#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <system_error>

#include "cli/console.hpp"
#include "cli/exit_codes.hpp"

namespace runlog::recover_tool {
namespace {

constexpr const char* kProgram = "runlog-recover";
constexpr const char* kOwner = "RUNLOG_RECOVER_OWNER";
constexpr const char* kParent = "RUNLOG_RECOVER_PARENT";  // the parent's pid
constexpr const char* kTimeout = "RUNLOG_RECOVER_TIMEOUT_MS";
constexpr gid_t kNo_group = 65534;
constexpr int kStatus_of_failed_exec = 127;

std::string why_not(const char* what, std::uint32_t user) {
  const int error = errno;
  return std::string("cannot become uid ") + std::to_string(user) + ": " + what + ": " +
         std::generic_category().message(error) +
         "; run this as that user, or as root with --any-owner";
}

int exit_code_of(int status) {
  if (!WIFEXITED(status)) return tools::exit_waiting;
  switch (WEXITSTATUS(status)) {
    case tools::exit_whole:
    case tools::exit_failed:
    case tools::exit_damaged:
    case tools::exit_waiting:
      return WEXITSTATUS(status);
    default:
      return tools::exit_waiting;
  }
}

// The owner may stop what runs as him, and would hold up everybody else.
void end_stopped(pid_t child) {
  tools::say(kProgram,
             "process " + std::to_string(child) + " was stopped by a signal; it is ended");
  ::kill(child, SIGKILL);
}

int wait_for(pid_t child) {
  int status = 0;
  for (;;) {
    const pid_t changed = ::waitpid(child, &status, WUNTRACED);
    if (changed < 0 && errno == EINTR) continue;
    if (changed != child || !WIFSTOPPED(status)) return exit_code_of(status);
    end_stopped(child);
  }
}

}  // namespace

std::string become(std::uint32_t user) {
  if (::geteuid() == user && ::getuid() == user) return {};
  if (::geteuid() != 0) {
    errno = EPERM;
    return why_not("only the superuser can", user);
  }
  const passwd* const entry = ::getpwuid(user);  // NOLINT(concurrency-mt-unsafe): one thread yet
  const gid_t group = entry != nullptr ? entry->pw_gid : kNo_group;
  const int groups_failed =
      entry != nullptr ? ::initgroups(entry->pw_name, group) : ::setgroups(0, nullptr);
  if (groups_failed != 0) return why_not("its groups", user);
  if (::setresgid(group, group, group) != 0) return why_not("its group", user);
  if (::setresuid(user, user, user) != 0) return why_not("its user", user);
  // With some security bits a process keeps what it seems to give up.
  if (user != 0 && ::setresuid(0, 0, 0) == 0) {
    errno = EPERM;
    return why_not("the rights of root are not given up", user);
  }
  // So it is anyway, unless fs.suid_dumpable says otherwise.
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return why_not("hiding its memory", user);
  for (const int stop : {SIGTSTP, SIGTTIN, SIGTTOU}) ::signal(stop, SIG_IGN);
  return {};
}

std::optional<ChildTask> task_of_child() {
  const auto number = [](const char* name) -> std::optional<std::uint32_t> {
    const std::string text = tools::environment(name);
    if (text.empty()) return {};
    std::uint32_t value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size()) return value;
    throw std::runtime_error(std::string(name) + " is set, which only this program does");
  };
  const auto owner = number(kOwner);
  if (!owner) return {};
  ChildTask task{.owner = *owner};
  if (const auto left = number(kTimeout)) task.timeout = std::chrono::milliseconds(*left);
  return task;
}

pid_t OwnerChildren::start(std::uint32_t user,
                           std::optional<std::chrono::milliseconds> timeout) const {
  std::vector<char*> arguments;
  for (const std::string& word : arguments_) {
    arguments.push_back(const_cast<char*>(word.c_str()));  // as execv has it
  }
  arguments.push_back(nullptr);
  // NOLINTBEGIN(concurrency-mt-unsafe): the other thread reads no environment
  (void)::setenv(kOwner, std::to_string(user).c_str(), 1);
  (void)::setenv(kParent, std::to_string(::getpid()).c_str(), 1);
  const std::string left =
      timeout ? std::to_string(std::clamp<std::int64_t>(timeout->count(), 0, INT32_MAX)) : "";
  (void)::setenv(kTimeout, left.c_str(), 1);
  // NOLINTEND(concurrency-mt-unsafe)
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::signal(SIGPIPE, SIG_DFL);
  ::execv("/proc/self/exe", arguments.data());
  ::_exit(kStatus_of_failed_exec);
}

int OwnerChildren::run(std::uint32_t user, std::chrono::milliseconds timeout,
                       const std::stop_token& stop) const {
  const pid_t child = start(user, timeout);
  if (child < 0) {
    tools::say(kProgram, why_not("fork", user));
    return tools::exit_waiting;
  }
  {
    const std::stop_callback passes_on(stop, [child] { ::kill(child, SIGTERM); });
    siginfo_t info{};  // its number stays its own until wait_for()
    while (::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WSTOPPED | WNOWAIT) < 0 &&
           errno == EINTR) {
    }
  }
  return wait_for(child);
}

bool OwnerChildren::keep(std::uint32_t user) {
  std::erase_if(staying_, [&](const auto& one) {
    int status = 0;
    if (::waitpid(one.second, &status, WNOHANG | WUNTRACED) != one.second) return false;
    if (WIFSTOPPED(status)) {
      end_stopped(one.second);
      return false;  // at the next look
    }
    return true;
  });
  if (staying_.contains(user)) return true;
  if (staying_.size() >= kChildren_max) return false;
  const pid_t child = start(user, {});
  if (child < 0) return false;
  staying_.emplace(user, child);
  return true;
}

int OwnerChildren::end_all() {
  for (const auto& [user, child] : staying_) ::kill(child, SIGTERM);
  int worst = tools::exit_whole;
  for (const auto& [user, child] : staying_) worst = worse(worst, wait_for(child));
  staying_.clear();
  return worst;
}

int worse(int a, int b) noexcept {
  const auto rank = [](int code) {
    switch (code) {
      case tools::exit_whole:
        return 0;
      case tools::exit_damaged:
        return 1;
      case tools::exit_failed:
        return 2;
      default:
        return 3;
    }
  };
  return rank(a) >= rank(b) ? a : b;
}

bool is_orphan() {
  const std::string parent = tools::environment(kParent);
  return !parent.empty() && parent != std::to_string(::getppid());
}

}  // namespace runlog::recover_tool
