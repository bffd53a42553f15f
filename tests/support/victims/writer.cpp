// A program for tests to kill. It logs and says on stdout, unbuffered, what has returned; the tests
// hold it to that. Usage: writer MODE ROOT [ARGUMENT]; everything else through RUNLOG_* variables.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "runlog/runlog.hpp"

namespace {

using namespace std::chrono_literals;

// One line, one write: nothing is buffered in the process that will be killed.
void say(const std::string& line) {
  const std::string text = line + "\n";
  if (::write(STDOUT_FILENO, text.data(), text.size()) < 0) std::_Exit(9);
}

// Waits for one byte on stdin, or its end.
void wait_for_parent() {
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) < 0) {
  }
}

runlog::Run start(const char* root, runlog::Options options = {}) {
  options.root = root;
  auto run = runlog::start_logging(std::move(options));
  if (!run) {
    say("error " + run.error().message);
    std::_Exit(8);
  }
  return *run;
}

// "logged N" after each returned call, in steps of `every`, for ever.
int forever(const char* root, long every) {
  auto run = start(root);
  auto loss = run.metric("train/loss");
  for (std::int64_t step = 0;; ++step) {
    loss.log(1.0 / static_cast<double>(step + 1), step);
    if (step % every == 0) say("logged " + std::to_string(step));
  }
}

// As forever, but each step logs eight metrics as a row, "row/0" to "row/7", and eight through
// handles in a step scope, "step/0" to "step/7".
int rows(const char* root, long every) {
  auto run = start(root);
  std::array<std::string, 8> names;
  std::array<runlog::Metric, 8> metrics;
  std::vector<runlog::NamedNumber> row;
  for (std::size_t i = 0; i < names.size(); ++i) {
    names[i] = "row/" + std::to_string(i);
    metrics[i] = run.metric("step/" + std::to_string(i));
  }
  for (std::int64_t step = 0;; ++step) {
    row.clear();
    for (const std::string& name : names) row.emplace_back(name, step);
    run.log(step, row);
    auto now = run.step(step);
    for (const auto& metric : metrics) now.log(metric, step);
    if (step % every == 0) say("logged " + std::to_string(step));
  }
}

int threads(const char* root) {
  auto run = start(root);
  std::vector<std::thread> workers;
  for (int id = 0; id < 4; ++id) {
    workers.emplace_back([&run, id] {
      const std::string name = "thread/" + std::to_string(id);
      auto metric = run.metric(name);
      for (std::int64_t step = 0;; ++step) {
        metric.log(step, step);
        if (step % 1000 == 0) say("logged " + std::to_string(id) + " " + std::to_string(step));
      }
    });
  }
  for (auto& worker : workers) worker.join();
  return 0;
}

int everything(const char* root, const std::string& end) {
  auto run = start(
      root, {.tags = {{"model", "tiny"}}, .params = {{"lr", 3e-4}, {"layers", std::int64_t{4}}}});
  for (std::int64_t step = 0; step < 100; ++step)
    run.log("train/loss", 1.0 / static_cast<double>(step + 1), step);
  run.text(runlog::Level::info, "hello");
  const std::vector<double> values = {1, 2.5, 3};
  run.log_list("list", values, 1);
  say("logged 99");
  if (end == "complete") run.complete();
  if (end == "fail") run.fail("OutOfMemory", "CUDA out of memory");
  if (end == "cancel") run.cancel();
  if (end == "segv") {
    volatile int* nowhere = nullptr;
    *nowhere = 1;
  }
  if (end == "abort") std::abort();
  if (end == "throw") throw 1;
  if (end == "exit") std::exit(0);
  if (end == "kill") ::kill(::getpid(), SIGKILL);
  if (end == "wait") wait_for_parent();
  return 0;
}

// Parent logs 0..9, forks children that log through the same handles, waits for them, logs 10..19.
int forks(const char* root, int children) {
  auto run = start(root);
  auto metric = run.metric("from/parent");
  auto shared = run.metric("from/anyone");
  for (std::int64_t step = 0; step < 10; ++step) metric.log(step, step);
  std::vector<pid_t> pids;
  for (int child = 0; child < children; ++child) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      for (std::int64_t step = 0; step < 100; ++step) {
        shared.log(child, step);
        run.log("from/child", step, step);
      }
      say("child logged");
      ::_exit(0);
    }
    pids.push_back(pid);
  }
  const pid_t silent = ::fork();
  if (silent == 0) ::_exit(0);  // a child that never logs leaves no trace
  pids.push_back(silent);
  for (const pid_t pid : pids) ::waitpid(pid, nullptr, 0);
  for (std::int64_t step = 10; step < 20; ++step) metric.log(step, step);
  say("parent logged");
  wait_for_parent();
  run.complete();
  return 0;
}

// Lists the descriptors that a program exec'd by the job would inherit.
int descriptors(const char* root) {
  std::vector<bool> was_open;  // by whoever started us
  for (int fd = 0; fd < 1024; ++fd) was_open.push_back(::fcntl(fd, F_GETFD) >= 0);
  auto run = start(root);
  for (std::int64_t step = 0; step < 1000; ++step) run.log("a", step, step);
  run.wait_until(runlog::Durable, 10s);
  for (int fd = 3; fd < 1024; ++fd) {
    const int flags = ::fcntl(fd, F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) == 0 && !was_open[static_cast<std::size_t>(fd)])
      say("leaks " + std::to_string(fd));
  }
  say("checked");
  return 0;
}

// The parent truncates or removes files under the map; the job goes on, and waits once more before
// its end if asked to.
int truncated(const char* root, bool waits) {
  auto run = start(root);
  for (std::int64_t step = 0; step < 1000; ++step) run.log("before", step, step);
  say("journal " + run.journal_path().native());
  wait_for_parent();
  for (std::int64_t step = 0; step < 1000; ++step) run.log("after", step, step);
  run.wait_until(runlog::Durable, 10s);  // the keeper has looked at its files
  for (std::int64_t step = 1000; step < 2000; ++step) run.log("after", step, step);
  const auto stats = run.stats();
  say("logged " + std::to_string(stats.records));
  if (waits) wait_for_parent();
  run.complete();
  return 0;
}

// Writes until records are dropped, waits for the parent to make room, goes on; or, where there
// will be none, ends.
int full(const char* root, bool goes_on, bool is_killed = false) {
  auto run = start(root);
  say("started");
  auto metric = run.metric("train/loss");
  std::int64_t step = 0;
  while (run.stats().dropped == 0 && step < 100'000'000) {
    for (int i = 0; i < 1000; ++i, ++step) metric.log(step, step);
  }
  say("full " + std::to_string(step));
  wait_for_parent();
  // Bounded by attempts, not by time: each waits for the keeper to come round once.
  const auto before = run.stats();
  for (int attempt = 0; goes_on && attempt < 400; ++attempt) {
    const auto records = run.stats().records;
    metric.log(step, step);
    ++step;
    if (run.stats().records > records && attempt > 0) break;
    run.wait_until(runlog::Durable, 1s);
    std::this_thread::sleep_for(5ms);
  }
  for (int i = 0; i < 100; ++i, ++step) metric.log(step, step);
  const auto stats = run.stats();
  say("resumed " + std::to_string(stats.records > before.records ? 1 : 0));
  if (is_killed) {
    say("calls " + std::to_string(step) + " dropped " + std::to_string(stats.dropped));
    ::raise(SIGKILL);
  }
  run.complete();
  const auto last = run.stats();
  say("calls " + std::to_string(step) + " dropped " + std::to_string(last.dropped));
  return 0;
}

// Far more than a small disk holds, of values that hardly compress; says what became of them, and
// is killed.
int noise(const char* root) {
  auto run = start(root);
  auto metric = run.metric("train/loss");
  std::int64_t step = 0;
  const auto goes_on = [&] {
    return step < 800'000 || step % 1000 != 0 || (run.stats().dropped == 0 && step < 8'000'000);
  };
  for (; goes_on(); ++step) {
    const std::uint64_t mixed = static_cast<std::uint64_t>(step + 1) * 0x9E3779B97F4A7C15u;
    metric.log(1.0 + static_cast<double>(mixed >> 12) * 0x1p-52, step);
  }
  say("calls " + std::to_string(step) + " dropped " + std::to_string(run.stats().dropped));
  ::raise(SIGKILL);
  return 1;
}

// Forks while other threads start runs, log and look for the current run, so that every mutex of
// the library is held at some fork; each child then needs them all, and ends by exit().
int storm(const char* root) {
  auto run = start(root);
  auto metric = run.metric("from/anyone");
  std::atomic<bool> is_over = false;
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    while (!is_over) (void)run.child_run("short");
  });
  threads.emplace_back([&] {
    while (!is_over) (void)runlog::Run::current().get_status();
  });
  threads.emplace_back([&] {
    // New names take the table's mutex; the nap keeps the journal small.
    for (int i = 0; !is_over; ++i) {
      run.log("new/" + std::to_string(i % 10'000), 1);
      if (i % 100 == 0) ::usleep(1'000);
    }
  });
  int hung = 0;
  for (int child = 0; child < 40; ++child) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::alarm(60);  // a child that waits for a thread it has not got
      metric.log(child, child);
      (void)runlog::Run::current().get_status();
      (void)run.stats();
      auto own = runlog::start_logging({.root = root});
      if (own) own->log("from/child", child, child);
      own->complete();
      std::exit(0);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) ++hung;
  }
  is_over = true;
  for (auto& thread : threads) thread.join();
  run.complete();
  say("hung " + std::to_string(hung));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const std::string mode = argv[1];
  const std::string argument = argc > 3 ? argv[3] : "";
  if (mode == "forever")
    return forever(argv[2], argument.empty() ? 1 : std::atol(argument.c_str()));
  if (mode == "rows") return rows(argv[2], argument.empty() ? 1 : std::atol(argument.c_str()));
  if (mode == "threads") return threads(argv[2]);
  if (mode == "everything") return everything(argv[2], argument);
  if (mode == "forks") return forks(argv[2], argument.empty() ? 3 : std::atoi(argument.c_str()));
  if (mode == "descriptors") return descriptors(argv[2]);
  if (mode == "truncated") return truncated(argv[2], argument == "wait");
  if (mode == "full") return full(argv[2], argument != "end");
  if (mode == "killed-full") return full(argv[2], true, true);
  if (mode == "noise") return noise(argv[2]);
  if (mode == "storm") return storm(argv[2]);
  return 2;
}
