// A machine with no idle core: is the sync interval kept, and how long does the end take? Forks one
// process that computes for each core, logs at a fixed rate beside them, and prints the times
// without and with them. One process, one run: compare the two.
//
//   busy [--dir DIR] [--rate PER_SECOND] [--seconds S] [--spinners N] [--threads N]
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "runlog/runlog.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;

struct Settings {
  std::string dir = ".";
  long rate = 1'000'000;
  long seconds = 20;
  long spinners = static_cast<long>(std::thread::hardware_concurrency());
  long threads = 1;
};

struct Times {
  double worst_gap = 0;      // s between two rounds of syncs
  double worst_call_us = 0;  // of a batch of 100 records
  double end = 0;            // s, of complete()
  unsigned long dropped = 0;
  bool is_whole = false;  // nothing was left to pack
};

std::vector<pid_t> start_spinners(long count) {
  std::vector<pid_t> spinners;
  for (long i = 0; i < count; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (volatile unsigned long turns = 0;;) turns = turns + 1;
    }
    if (child > 0) spinners.push_back(child);
  }
  return spinners;
}

void stop(const std::vector<pid_t>& spinners) {
  for (const pid_t one : spinners) ::kill(one, SIGKILL);
  for (const pid_t one : spinners) ::waitpid(one, nullptr, 0);
}

// In batches, each when it is due: a thread that was not scheduled catches up.
double log_at_rate(runlog::Run& run, const Settings& settings, Clock::time_point until) {
  constexpr long kBatch = 100;
  auto metric = run.metric("loss");
  const auto pause = std::chrono::nanoseconds(1'000'000'000L * kBatch * settings.threads /
                                              std::max(settings.rate, 1L));
  double worst = 0;
  std::int64_t step = 0;
  for (auto due = Clock::now(); due < until; due += pause) {
    if (const auto early = due - Clock::now(); early > 200us) std::this_thread::sleep_for(early);
    const auto begun = Clock::now();
    for (long i = 0; i < kBatch; ++i, ++step) metric.log(static_cast<double>(step), step);
    worst = std::max(worst, Seconds(Clock::now() - begun).count());
  }
  return worst * 1e6;
}

Times measure(const Settings& settings) {
  const auto root = std::filesystem::path(settings.dir) / "busy-runs";
  std::filesystem::remove_all(root);
  auto started = runlog::start_logging({.root = root, .disk_budget = 8ull << 30});
  if (!started) {
    std::fprintf(stderr, "busy: %s\n", started.error().message.c_str());
    std::exit(1);
  }
  runlog::Run& run = *started;
  Times times;
  const auto until = Clock::now() + std::chrono::seconds(settings.seconds);
  std::atomic<double> worst_call = 0;
  std::vector<std::thread> writers;
  for (long i = 0; i < settings.threads; ++i) {
    writers.emplace_back([&] {
      const double worst = log_at_rate(run, settings, until);
      double so_far = worst_call.load();
      while (so_far < worst && !worst_call.compare_exchange_weak(so_far, worst)) {
      }
    });
  }
  auto syncs = run.stats().syncs;
  auto last = Clock::now();
  while (Clock::now() < until) {
    std::this_thread::sleep_for(5ms);
    const auto now_syncs = run.stats().syncs;
    if (now_syncs == syncs) continue;
    syncs = now_syncs;
    times.worst_gap = std::max(times.worst_gap, Seconds(Clock::now() - last).count());
    last = Clock::now();
  }
  for (std::thread& writer : writers) writer.join();
  times.worst_gap = std::max(times.worst_gap, Seconds(until - last).count());
  times.worst_call_us = worst_call;
  const auto begun = Clock::now();
  run.complete();
  times.end = Seconds(Clock::now() - begun).count();
  times.dropped = run.stats().dropped;
  times.is_whole = std::filesystem::is_empty(run.journal_path() / "lanes");
  std::filesystem::remove_all(root);
  return times;
}

void print(const char* what, const Times& times) {
  std::printf(
      "%-8s worst gap between syncs %.3f s, worst call of 100 records %.0f us, complete() "
      "%.3f s%s, dropped %lu\n",
      what, times.worst_gap, times.worst_call_us, times.end,
      times.is_whole ? "" : " (not all packed)", times.dropped);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--dir")
      settings.dir = argv[i + 1];
    else if (option == "--rate")
      settings.rate = std::atol(argv[i + 1]);
    else if (option == "--seconds")
      settings.seconds = std::atol(argv[i + 1]);
    else if (option == "--spinners")
      settings.spinners = std::atol(argv[i + 1]);
    else if (option == "--threads")
      settings.threads = std::atol(argv[i + 1]);
    else
      return std::fprintf(stderr, "busy: unknown option %s\n", argv[i]), 2;
  }
  print("idle", measure(settings));
  const auto spinners = start_spinners(settings.spinners);
  print("busy", measure(settings));
  stop(spinners);
}
