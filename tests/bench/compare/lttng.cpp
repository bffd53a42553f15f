// LTTng-UST: a tracepoint into shared memory, with its session daemon and consumer beside it. The
// daemon is ours: started before the writer's process, ended by its pid.
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include "bench/compare/writer.hpp"

namespace bench {
namespace {

pid_t daemon_pid = 0;

void shell(const std::string& command) {
  if (std::system(("timeout 10 " + command + " >/dev/null 2>&1").c_str()) != 0) {
    throw std::runtime_error("failed: " + command);
  }
}

void start_daemon(const std::filesystem::path& directory) {
  const auto home = directory / "home";
  std::filesystem::create_directories(home);
  ::setenv("LTTNG_HOME", home.c_str(), 1);
  daemon_pid = ::fork();
  if (daemon_pid == 0) {
    ::setpgid(0, 0);
    const int null = ::open("/dev/null", O_RDWR);
    ::dup2(null, 1);
    ::dup2(null, 2);
    ::execlp("lttng-sessiond", "lttng-sessiond", "--no-kernel", nullptr);
    ::_exit(127);
  }
  for (int tries = 0; tries < 100; ++tries) {
    if (std::system("timeout 10 lttng list >/dev/null 2>&1") == 0) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  shell("lttng create bench --output=" + (directory / "trace").native());
  shell("lttng enable-channel -u --subbuf-size=4M --num-subbuf=4 -s bench c");
  shell("lttng enable-event -u -c c 'runlog_bench:*'");
  shell("lttng start");
}

void stop_daemon() {
  if (daemon_pid <= 0) return;
  // After a SIGKILL of the traced process the client has been seen to wait for ever.
  (void)std::system(
      "timeout 10 lttng stop >/dev/null 2>&1; timeout 10 lttng destroy --no-wait bench "
      ">/dev/null 2>&1");
  ::kill(daemon_pid, SIGTERM);
  for (int tries = 0; tries < 100; ++tries) {
    if (::waitpid(daemon_pid, nullptr, WNOHANG) != 0) {
      daemon_pid = 0;
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  // It leads a process group of its own, with its consumers.
  ::kill(-daemon_pid, SIGKILL);
  ::waitpid(daemon_pid, nullptr, 0);
  daemon_pid = 0;
}

struct Lttng {
  void (*trace)(const char*, long, double) = nullptr;
  void open(const std::filesystem::path&) {
    void* const module = ::dlopen(BENCH_LTTNG_MODULE, RTLD_NOW | RTLD_LOCAL);
    if (module == nullptr) throw std::runtime_error(::dlerror());
    trace = reinterpret_cast<decltype(trace)>(::dlsym(module, "bench_lttng_metric"));
    if (trace == nullptr) throw std::runtime_error(::dlerror());
  }
  void close() {}
  void metric(std::int64_t step, double value) { trace(kSeries.data(), step, value); }
  void text(std::int64_t step, double value) { trace(kText, step, value); }
};

std::int64_t count_lttng(const std::filesystem::path& directory) {
  const std::string command =
      "babeltrace2 " + (directory / "trace").native() + " 2>/dev/null | wc -l";
  std::FILE* const pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return -1;
  long lines = -1;
  if (std::fscanf(pipe, "%ld", &lines) != 1) lines = -1;
  ::pclose(pipe);
  return lines;
}

std::int64_t trace_bytes(const std::filesystem::path& directory) {
  return bytes_below(directory / "trace");
}

}  // namespace

void add_lttng(std::vector<Peer>& peers) {
  if (std::system("command -v lttng-sessiond >/dev/null && command -v lttng >/dev/null") != 0)
    return;
  peers.push_back({.name = "lttng-ust",
                   .promise = "nothing",
                   .make = make_writer<Lttng>,
                   .count = count_lttng,
                   .before = start_daemon,
                   .after = stop_daemon,
                   .log_bytes = trace_bytes});
}

}  // namespace bench
