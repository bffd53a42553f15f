// A program that forks in ways that fork()'s handlers do not see, or at moments when other threads
// hold what a child needs: forking MODE ROOT TALLY [HOW]. What has returned is counted in the
// mapped file TALLY (support/acknowledged.hpp), a slot for each process.
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "runlog/runlog.hpp"
#include "support/acknowledged.hpp"

namespace {

using namespace std::chrono_literals;

test::Acknowledged* tally = nullptr;

runlog::Run start(const char* root, std::chrono::milliseconds ship_interval = 200ms) {
  auto run = runlog::start_logging(
      {.root = root, .ship_interval = ship_interval, .segment_bytes = 65536});
  if (!run) std::_Exit(8);
  return *run;
}

template <typename Log>
void log_some(std::size_t slot, int count, Log&& log) {
  for (int i = 0; i < count; ++i) {
    const auto number = static_cast<std::int64_t>(tally->records[slot].load());
    log(number);
    tally->records[slot].store(static_cast<std::uint64_t>(number) + 1);
    if (i % 50 == 49) std::this_thread::sleep_for(1ms);
  }
}

pid_t fork_by(const std::string& how) {
  if (how == "_Fork") return ::_Fork();
  if (how == "clone") return static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
  return ::fork();
}

int wait_for(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

// Parent, child and grandchild log side by side: through a handle, by name, in rows and steps that
// were begun before the fork, texts and properties.
void log_all_ways(runlog::Run& run, runlog::Metric& metric, std::size_t slot, int count) {
  const std::string name = test::slot_name(slot);
  auto before = run.step(-1);
  log_some(slot, count, [&](std::int64_t number) {
    switch (number % 4) {
      case 0:
        metric.log(number, number);
        break;
      case 1:
        run.log(name, number, number);
        break;
      case 2:
        run.log(number, {{name, number}});
        break;
      default:
        run.step(number).log(name, number);
    }
    if (number % 100 == 0) run.text(runlog::Level::info, name);
  });
  before.log(metric, 0);
  run.property("slot", name);
}

int unseen(const char* root, const std::string& how) {
  auto run = start(root);
  std::vector<runlog::Metric> metrics;
  for (std::size_t slot = 0; slot < 3; ++slot) metrics.push_back(run.metric(test::slot_name(slot)));
  log_all_ways(run, metrics[0], 0, 500);
  const pid_t child = fork_by(how);
  if (child == 0) {
    log_all_ways(run, metrics[1], 1, 1000);
    const pid_t grandchild = fork_by(how);
    if (grandchild == 0) {
      log_all_ways(run, metrics[2], 2, 1000);
      (void)run.stats();
      (void)run.wait_until(runlog::Durable, 10s);
      ::_exit(0);
    }
    log_all_ways(run, metrics[1], 1, 500);
    ::_exit(wait_for(grandchild) == 0 ? 0 : 1);
  }
  log_all_ways(run, metrics[0], 0, 3000);
  const int status = wait_for(child);
  run.complete();
  return status == 0 ? 0 : 7;
}

volatile std::sig_atomic_t forks_left = 100;
volatile std::sig_atomic_t is_child = 0;
volatile std::sig_atomic_t is_calling = 0;

// A signal handler forks, in the middle of a call mostly, and the child returns into it. What is
// behind the call the child leaves alone: it has not even a malloc that it could use.
int in_handler(const char* root) {
  auto run = start(root);
  std::vector<runlog::NamedNumber> row = {{"", 0}};
  std::vector<std::string> names;
  for (int i = 1; i < 24; ++i) names.push_back("other/" + std::to_string(i));
  for (const std::string& name : names) row.push_back({name, 0.5});
  struct sigaction action {};
  action.sa_flags = SA_RESTART;
  action.sa_handler = [](int) {
    if (forks_left == 0 || is_calling == 0) return;
    forks_left = forks_left - 1;
    if (::_Fork() != 0) return;
    is_child = 1;
    ::alarm(60);
  };
  ::sigaction(SIGUSR1, &action, nullptr);
  std::thread sender([target = ::pthread_self()] {
    while (forks_left != 0) {
      ::pthread_kill(target, SIGUSR1);
      std::this_thread::sleep_for(1ms);
    }
  });
  const std::string first = test::slot_name(0);
  for (std::int64_t number = 0; forks_left != 0 || number < 1000; ++number) {
    row[0] = {first, number};
    is_calling = 1;
    run.log(number, row);
    is_calling = 0;
    if (is_child != 0) ::_exit(0);
    tally->records[0].store(static_cast<std::uint64_t>(number) + 1);
  }
  sender.join();
  int killed = 0;
  for (int status = 0; ::wait(&status) > 0;) killed += status == 0 ? 0 : 1;
  run.complete();
  std::printf("killed %d\n", killed);
  return 0;
}

// The process's first use of the library, by many threads, while another forks.
int at_start(const char* root) {
  ::setenv("RUNLOG_ROOT", root, 1);
  std::atomic<bool> begin = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      while (!begin) {
      }
      if (i % 2 == 0) {
        runlog::Run::current().log("from/thread", i, i);
      } else {
        auto run = runlog::start_logging({.segment_bytes = 65536});
        if (run) run->log("from/thread", i, i);
      }
    });
  }
  begin = true;
  int hung = 0;
  for (int i = 0; i < 20; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(120);  // a child that waits for a thread it has not got
      runlog::Run::current().log("from/child", i, i);
      auto run = runlog::start_logging({.segment_bytes = 65536});
      if (run) run->log("from/child", i, i);
      ::_exit(0);
    }
    if (wait_for(child) != 0) ++hung;
  }
  for (auto& thread : threads) thread.join();
  std::printf("hung %d\n", hung);
  return 0;
}

// A child that is made while another thread is in the C library's calendar, in its first use, with
// the lock of the time zone, and reads a file that does not come to an end.
int in_calendar(const char* root, const std::string& zone) {
  if (::mkfifo(zone.c_str(), 0600) != 0) return 5;
  ::setenv("TZ", (":" + zone).c_str(), 1);
  std::thread(&::tzset).detach();
  // Can be opened when somebody reads it.
  while (::open(zone.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC) < 0) std::this_thread::yield();
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    auto run = runlog::start_logging({.root = root});
    if (run) run->log("from/child", 0, 0);
    ::_exit(run ? 0 : 1);
  }
  std::_Exit(wait_for(child) == 0 ? 0 : 1);
}

int threads_now() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("Threads:")) return std::atoi(line.c_str() + 8);
  }
  return -1;
}

// A data loader's worker: says how many threads it has when it has logged a little. A child that
// lives for a ship interval gets some, and a busy machine may let it live as long as it likes.
int worker(const char* root) {
  auto run = start(root, 1h);
  const pid_t child = ::fork();
  if (child == 0) {
    auto metric = run.metric("from/worker");
    for (int i = 0; i < 1000; ++i) metric.log(i, i);
    const int threads = threads_now();
    ::_exit(threads == 1 ? 0 : 1);
  }
  return wait_for(child) == 0 ? 0 : 7;
}

// A program that becomes a daemon after it has started its run, and logs far beyond its budget.
int daemon_that_logs_much(const char* root) {
  auto run = runlog::start_logging({.root = root,
                                    .ship_interval = 200ms,
                                    .pack_bytes = 65536,
                                    .segment_bytes = 65536,
                                    .disk_budget = 1u << 20,
                                    .overflow = runlog::Overflow::block,
                                    .overflow_block = 60s,
                                    .keep_shipped = false});
  if (!run) return 8;
  auto metric = run->metric(test::slot_name(0));
  if (::daemon(1, 1) != 0) return 9;
  log_some(0, 100, [&](std::int64_t number) { metric.log(number, number); });
  for (std::int64_t number = 100; number < 300'000; ++number) {
    metric.log(number, number);
    tally->records[0].store(static_cast<std::uint64_t>(number) + 1);
  }
  const auto stats = run->stats();
  run->complete();
  std::printf("dropped %lu syncs %lu packs %lu\n", stats.dropped, stats.syncs, stats.packs_made);
  return 0;
}

// A child that finds no descriptor for its journal, and is killed; with `how` "later" it finds some
// after a while, with "both" its parent is killed, too, and with "truncated" its parent's crash
// file was cut off before.
int without_journal(const char* root, const std::string& how) {
  auto run = start(root);
  auto metric = run.metric(test::slot_name(0));
  log_some(0, 10, [&](std::int64_t number) { metric.log(number, number); });
  if (how == "truncated") std::filesystem::resize_file(run.journal_path() / "crash", 0);
  const pid_t child = ::fork();
  if (child == 0) {
    rlimit few{};
    ::getrlimit(RLIMIT_NOFILE, &few);
    const rlimit before = few;
    few.rlim_cur = 3;
    ::setrlimit(RLIMIT_NOFILE, &few);
    auto other = run.metric(test::slot_name(1));
    log_some(1, 500, [&](std::int64_t number) { other.log(number, number); });
    if (how == "later") {
      ::setrlimit(RLIMIT_NOFILE, &before);
      // It tries once a second. The handle is good from then on.
      while (run.stats().records == 0) {
        log_some(1, 10, [&](std::int64_t number) { other.log(number, number); });
      }
      log_some(1, 100, [&](std::int64_t number) { other.log(number, number); });
    }
    std::raise(SIGKILL);
  }
  const int status = wait_for(child);
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) return 7;
  log_some(0, 10, [&](std::int64_t number) { metric.log(number, number); });
  if (how == "both") std::raise(SIGKILL);
  run.complete();
  return 0;
}

// A child that finds no descriptor for its journal, and outlives its parent: it drops a hundred
// calls before the parent's end, as many after it, and more for each byte that it reads. The parent
// is killed, or with `how` "complete" ends its run.
int outlives(const char* root, const std::string& how) {
  auto run = start(root);
  auto metric = run.metric(test::slot_name(0));
  log_some(0, 10, [&](std::int64_t number) { metric.log(number, number); });
  const pid_t parent = ::getpid();
  const auto dropped = [](std::uint64_t calls) {
    while (tally->records[1].load() < calls) std::this_thread::sleep_for(1ms);
  };
  if (::fork() == 0) {
    rlimit few{};
    ::getrlimit(RLIMIT_NOFILE, &few);
    few.rlim_cur = 3;
    ::setrlimit(RLIMIT_NOFILE, &few);
    auto other = run.metric(test::slot_name(1));
    const auto drop_some = [&] {
      log_some(1, 100, [&](std::int64_t number) { other.log(number, number); });
    };
    drop_some();
    while (::getppid() == parent) std::this_thread::sleep_for(1ms);
    char byte = 0;
    do {
      drop_some();
      if (::write(STDOUT_FILENO, "dropped\n", 8) != 8) break;
    } while (::read(STDIN_FILENO, &byte, 1) == 1);
    ::_exit(0);
  }
  dropped(100);
  if (how == "killed") std::raise(SIGKILL);
  run.complete();
  return 0;
}

// One that logs little, but for long: what it logged is shipped while it lives.
int daemon_that_lives_long(const char* root) {
  auto run = start(root);
  if (::daemon(1, 1) != 0) return 9;
  bool is_shipped = false;
  // Bounded by attempts: each waits for a keeper to come round.
  for (int attempt = 0; attempt < 1000 && !is_shipped; ++attempt) {
    log_some(0, 1, [&](std::int64_t number) { run.log(test::slot_name(0), number, number); });
    std::this_thread::sleep_for(20ms);
    is_shipped = run.stats().packs_shipped > 0;
  }
  std::printf("shipped %d\n", is_shipped ? 1 : 0);
  std::fflush(stdout);
  std::raise(SIGKILL);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const std::string mode = argv[1];
  tally = test::map_acknowledged(argv[3]);
  if (tally == nullptr) return 9;
  if (mode == "unseen") return unseen(argv[2], argc > 4 ? argv[4] : "fork");
  if (mode == "handler") return in_handler(argv[2]);
  if (mode == "start") return at_start(argv[2]);
  if (mode == "calendar") return in_calendar(argv[2], argv[4]);
  if (mode == "worker") return worker(argv[2]);
  if (mode == "without") return without_journal(argv[2], argc > 4 ? argv[4] : "");
  if (mode == "outlives") return outlives(argv[2], argc > 4 ? argv[4] : "killed");
  if (mode == "much") return daemon_that_logs_much(argv[2]);
  if (mode == "long") return daemon_that_lives_long(argv[2]);
  return 2;
}
