// A program that leaves in one of many ways while runs are open: leaving MODE TALLY, with
// RUNLOG_ROOT set. What has returned is counted in the mapped file TALLY
// (support/acknowledged.hpp), a slot for each thread or place; the test holds the journals to it.
#include <dlfcn.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "runlog/runlog.hpp"
#include "support/acknowledged.hpp"

namespace {

test::Acknowledged* tally = nullptr;

runlog::Run start() {
  auto run = runlog::start_logging({.segment_bytes = 65536});
  if (!run) std::_Exit(8);
  return *run;
}

// Logs the next numbers of a slot; each is counted when its call has returned. One thread a slot.
template <typename Log>
void log_some(std::size_t slot, int count, Log&& log) {
  const std::string name = test::slot_name(slot);
  for (int i = 0; i < count; ++i) {
    auto& records = tally->records[slot];
    const auto number = static_cast<std::int64_t>(records.load());
    log(name, number);
    records.store(static_cast<std::uint64_t>(number) + 1);
  }
}
void log_to(runlog::Run& run, std::size_t slot, int count) {
  log_some(slot, count,
           [&](const std::string& name, std::int64_t number) { run.log(name, number, number); });
}
void log_to_current(std::size_t slot, int count) {
  log_some(slot, count, [](const std::string& name, std::int64_t number) {
    runlog::Run::current().log(name, number, number);
  });
}

// Does something when it is destroyed.
struct Last {
  std::function<void()> work;
  explicit Last(std::function<void()> what) : work(std::move(what)) {}
  Last(const Last&) = delete;
  Last& operator=(const Last&) = delete;
  ~Last() { work(); }
};

// Destroyed after global_run and global_metric, which are defined behind it.
struct EarlyStatic {
  std::function<void()> work;
  ~EarlyStatic() {
    if (work) work();
  }
} early_static;
runlog::Run global_run;
runlog::Metric global_metric;
std::optional<runlog::Run> global_optional;
std::unique_ptr<runlog::Run> global_pointer;
runlog::Run* shared = nullptr;

int with_static() {
  global_run = start();
  log_to(global_run, 0, 300);
  return 0;
}

int with_function_static() {
  static runlog::Run run = start();
  log_to(run, 0, 300);
  return 0;
}

int with_optional_and_pointer() {
  global_optional = start();
  global_pointer = std::make_unique<runlog::Run>(start());
  log_to(*global_optional, 0, 300);
  log_to(*global_pointer, 1, 300);
  return 0;
}

int with_current() {
  log_to_current(0, 300);
  return 0;
}

// The run's handle, a metric and the current run are used by destructors that come after theirs.
int with_static_destroyed_later() {
  early_static.work = [] {
    log_to_current(0, 100);
    log_to(global_run, 0, 100);
    log_some(1, 100,
             [](const std::string&, std::int64_t number) { global_metric.log(number, number); });
  };
  global_run = start();
  global_metric = global_run.metric(test::slot_name(1));
  log_to(global_run, 0, 300);
  return 0;
}

int with_atexit(bool registered_first) {
  const auto late = [] {
    log_to(*shared, 0, 100);
    log_to_current(0, 100);
  };
  if (registered_first) std::atexit(late);
  shared = new runlog::Run(start());
  if (!registered_first) std::atexit(late);
  log_to(*shared, 0, 300);
  return 0;
}

// A child is forked after the run's end was told, and logs.
int with_late_fork() {
  std::atexit([] {
    const pid_t child = ::fork();
    if (child == 0) {
      log_to(*shared, 1, 300);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    log_to(*shared, 0, 100);
  });
  shared = new runlog::Run(start());
  log_to(*shared, 0, 300);
  return 0;
}

// No memory at the end: not for exit's hook, and not for what comes after it.
int with_no_memory() {
  shared = new runlog::Run(start());
  log_to(*shared, 0, 300);
  std::atexit([] {
    const rlimit limit{1, RLIM_INFINITY};
    ::setrlimit(RLIMIT_AS, &limit);
    // Volatile: a compiler may leave out memory that nobody looks at, and then the loop has no end.
    for (std::size_t size = 1u << 20; size >= 16; size /= 2) {
      void* volatile taken = nullptr;
      do {
        taken = std::malloc(size);
      } while (taken != nullptr);
    }
  });
  return 0;
}

// So late that hundreds of segments are filled after the run's end was told.
int with_much_at_the_end() {
  std::atexit([] { log_to(*shared, 0, 200'000); });
  shared = new runlog::Run(start());
  log_to(*shared, 0, 300);
  return 0;
}

// main() leaves, and the job's threads go on for a while.
int with_pthread_exit() {
  shared = new runlog::Run(start());
  log_to(*shared, 0, 300);
  std::thread([] { log_to(*shared, 1, 300); }).detach();
  ::pthread_exit(nullptr);
}

int with_thread_local_of_main() {
  shared = new runlog::Run(start());
  static thread_local Last last([] { log_to(*shared, 0, 300); });
  (void)&last;
  log_to(*shared, 0, 300);
  return 0;
}

// Logs in a destructor of the thread, registered before or after the first call, into two runs.
int with_thread_local(bool registered_first) {
  auto run = start();
  auto other = start();
  shared = &run;
  std::vector<std::thread> threads;
  for (std::size_t slot = 0; slot < 4; ++slot) {
    threads.emplace_back([=, &other] {
      const auto late = [=, &other] {
        log_to(*shared, slot, 300);
        log_to(other, slot + 4, 300);
      };
      if (!registered_first) log_to(*shared, slot, 300);
      static thread_local std::optional<Last> last;
      last.emplace(late);
      log_to(*shared, slot, 300);
      log_to(other, slot + 4, 300);
    });
  }
  for (auto& thread : threads) thread.join();
  run.complete();
  other.complete();
  return 0;
}

// Keys made before and after the library's own; the second sets itself again, as often as it may.
pthread_key_t early_key, late_key;
[[gnu::constructor(101)]] void make_early_key() {
  ::pthread_key_create(&early_key, [](void* slot) {
    log_to(*shared, reinterpret_cast<std::size_t>(slot) - 1, 300);
  });
}
int with_keys() {
  ::pthread_key_create(&late_key, [](void* slot) {
    log_to(*shared, reinterpret_cast<std::size_t>(slot) - 1, 300);
    ::pthread_setspecific(late_key, slot);
  });
  auto run = start();
  shared = &run;
  std::vector<std::thread> threads;
  for (std::size_t slot = 0; slot < 4; ++slot) {
    threads.emplace_back([slot] {
      // NOLINTNEXTLINE(performance-no-int-to-ptr): a number is all that the key has to hold
      auto* const value = reinterpret_cast<void*>(slot + 1);
      ::pthread_setspecific(early_key, value);
      ::pthread_setspecific(late_key, value);
      log_to(*shared, slot, 300);
    });
  }
  for (auto& thread : threads) thread.join();
  run.complete();
  return 0;
}

// Threads log for ever, into two runs, while another thread leaves. Names and rows as well.
void log_for_ever(std::size_t slot, runlog::Run& run) {
  // Gently: the test reads all of it.
  for (;; std::this_thread::sleep_for(std::chrono::microseconds(200))) log_to(run, slot, 20);
}
void wait_until_all_log(std::size_t slots) {
  for (std::size_t slot = 0; slot < slots; ++slot) {
    while (tally->records[slot].load() < 1000) std::this_thread::yield();
  }
}
int with_threads(bool exit_in_thread, int status) {
  static runlog::Run first = start();
  static runlog::Run second = start();
  for (std::size_t slot = 0; slot < 4; ++slot) {
    std::thread([slot] { log_for_ever(slot, slot % 2 == 0 ? first : second); }).detach();
  }
  wait_until_all_log(4);
  if (exit_in_thread) {
    std::thread([status] { std::exit(status); }).detach();
    log_for_ever(4, first);
  }
  std::exit(status);
}

int with_exit_below_main(int status) {
  auto run = start();
  log_to(run, 0, 300);
  std::exit(status);
}

int with_ended_run(int status) {
  auto run = start();
  log_to(run, 0, 300);
  run.complete();
  std::exit(status);
}

// A child has its own journal, and exit() in it ends that one and not the parent's.
int with_child() {
  global_run = start();
  log_to(global_run, 0, 300);
  const pid_t child = ::fork();
  if (child == 0) {
    log_to(global_run, 1, 300);
    std::exit(3);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  log_to(global_run, 0, 300);
  return WIFEXITED(status) && WEXITSTATUS(status) == 3 ? 0 : 7;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const std::string mode = argv[1];
  tally = test::map_acknowledged(argv[2]);
  if (tally == nullptr) return 9;
  if (mode == "static") return with_static();
  if (mode == "function-static") return with_function_static();
  if (mode == "optional-pointer") return with_optional_and_pointer();
  if (mode == "current") return with_current();
  if (mode == "destroyed-later") return with_static_destroyed_later();
  if (mode == "atexit-first") return with_atexit(true);
  if (mode == "atexit-later") return with_atexit(false);
  if (mode == "late-fork") return with_late_fork();
  if (mode == "no-memory") return with_no_memory();
  if (mode == "much") return with_much_at_the_end();
  if (mode == "pthread-exit") return with_pthread_exit();
  if (mode == "thread-local-main") return with_thread_local_of_main();
  if (mode == "thread-local-first") return with_thread_local(true);
  if (mode == "thread-local-later") return with_thread_local(false);
  if (mode == "keys") return with_keys();
  if (mode == "threads") return with_threads(false, 0);
  if (mode == "threads-exit") return with_threads(true, 0);
  if (mode == "threads-exit-3") return with_threads(true, 3);
  if (mode == "exit-3") return with_exit_below_main(3);
  if (mode == "exit-256") return with_exit_below_main(256);
  if (mode == "ended-3") return with_ended_run(3);
  if (mode == "child") return with_child();
  return 2;
}
