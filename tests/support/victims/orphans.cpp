// A program that leaves children behind, or reads its own journal. Usage: orphans MODE ROOT.
//   fork, _Fork, clone, vfork, spawn: logs the steps 0 to 999, makes a child so, which never uses
//       runlog and lives until its standard input ends; says "child PID"; kills itself.
//   reads: logs, opens and closes the files of its journal, copies it, says "read"; waits for a
//       byte; logs the steps 1000 to 1999 and completes.
//   exec: logs the steps 0 to 999, leaves a child of _Fork, and becomes a shell that says "here".
//   closes: logs, closes every descriptor above 2 as daemons do, opens files of its own in their
//       place, says "closed"; waits for a byte; logs the steps 1000 to 1999, completes, and exits
//       with 0 if its files are as they were. Before it completes it says "durable", and waits.
//   closes-only: the same without files of its own: the next file of ours gets the old number.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "runlog/runlog.hpp"

namespace {

void say(const std::string& line) {
  const std::string text = line + "\n";
  if (::write(STDOUT_FILENO, text.data(), text.size()) < 0) std::_Exit(9);
}

// For what must not touch the parent's library, nor end as it does.
[[noreturn]] void live_on() {
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) != 0) {
  }
  ::_exit(0);
}

std::array<char*, 2> cat() {
  static std::string program = "/bin/cat";
  return {program.data(), nullptr};
}

pid_t make_child(const std::string& mode) {
  if (mode == "vfork") {
    auto arguments = cat();
    const pid_t pid = ::vfork();
    if (pid == 0) {
      ::execv(arguments[0], arguments.data());
      ::_exit(127);
    }
    return pid;
  }
  if (mode == "spawn") {
    auto arguments = cat();
    pid_t pid = -1;
    if (::posix_spawn(&pid, arguments[0], nullptr, nullptr, arguments.data(), ::environ) != 0)
      return -1;
    return pid;
  }
  pid_t pid = -1;
  if (mode == "fork") pid = ::fork();
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 34)
  if (mode == "_Fork") pid = ::_Fork();
#endif
  if (mode == "clone") {
    pid = static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr));
  }
  if (pid == 0) live_on();
  return pid;
}

void read_all(const std::filesystem::path& journal) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(journal)) {
    if (!entry.is_regular_file()) continue;
    std::ostringstream content;
    content << std::ifstream(entry.path(), std::ios::binary).rdbuf();
  }
  const int lock = ::open((journal / "LOCK").c_str(), O_RDWR | O_CLOEXEC);
  ::close(::dup(lock));
  ::close(lock);
  std::filesystem::copy(journal, journal.parent_path().parent_path().native() + ".copy",
                        std::filesystem::copy_options::recursive);
}

std::ptrdiff_t count_descriptors() {
  const std::filesystem::directory_iterator descriptors("/proc/self/fd");
  return std::distance(begin(descriptors), end(descriptors));
}

// What a daemon does that does not know what its libraries have open.
int close_all(runlog::Run& run, runlog::Metric& metric, const std::string& scratch,
              std::ptrdiff_t before, bool has_files) {
  if (run.wait_until(runlog::Durable, std::chrono::seconds(60)) != runlog::Wait::Done) return 4;
  // Not while a thread of ours has a file open, for the moment that it uses it: only LOCK.
  while (count_descriptors() > before + 1) ::sched_yield();
  ::closefrom(3);
  const std::string text = "the job's own";
  std::array<int, 40> files{};
  for (int& file : files) {
    if (!has_files) break;
    file = ::open(scratch.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (::pwrite(file, text.data(), text.size(), 0) < 0) return 3;
  }
  say("closed");
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) < 0) {
  }
  for (std::int64_t step = 1000; step < 2000; ++step) metric.log(step, step);
  if (run.wait_until(runlog::Durable, std::chrono::seconds(60)) != runlog::Wait::Done) return 4;
  say("durable");
  while (::read(STDIN_FILENO, &byte, 1) < 0) {
  }
  run.complete();
  std::string now(2 * text.size(), '\0');
  for (const int file : files) {
    if (!has_files) break;
    const ssize_t got = ::pread(file, now.data(), now.size(), 0);
    if (got < 0 || now.substr(0, static_cast<std::size_t>(got)) != text) return 5;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const std::string mode = argv[1];
  const std::ptrdiff_t descriptors = count_descriptors();
  auto run = runlog::start_logging({.root = argv[2]});
  if (!run) {
    say("error " + run.error().message);
    return 8;
  }
  auto metric = run->metric("loss");
  for (std::int64_t step = 0; step < 1000; ++step) metric.log(step, step);
  if (mode == "reads") {
    read_all(run->journal_path());
    say("read");
    char byte = 0;
    while (::read(STDIN_FILENO, &byte, 1) < 0) {
    }
    for (std::int64_t step = 1000; step < 2000; ++step) metric.log(step, step);
    run->complete();
    return 0;
  }
  if (mode == "exec") {
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 34)
    if (::_Fork() == 0) live_on();
#endif
    ::execl("/bin/sh", "sh", "-c", "echo here; exec cat", nullptr);
    return 7;
  }
  if (mode == "closes" || mode == "closes-only") {
    return close_all(*run, metric, std::string(argv[2]) + ".own", descriptors, mode == "closes");
  }
  const pid_t child = make_child(mode);
  if (child < 0) {
    say("cannot");
    return 3;
  }
  say("child " + std::to_string(child));
  ::raise(SIGKILL);
}
