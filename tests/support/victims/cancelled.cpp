// Threads that are cancelled in the middle of a call: cancelled ROOT ROUNDS. Each thread does one
// kind of call until it is cancelled, and notes after each that it has returned. Says at its end
// "KIND begun N returned N" for each kind, where a call is a record of that name.
#include <pthread.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "runlog/runlog.hpp"

namespace {

using namespace std::chrono_literals;

runlog::Run run;
runlog::Run small;  // to be read back
std::string file_path;
std::string root;

struct Kind {
  const char* name;
  void (*call)(long);
  std::atomic<long> begun = 0;
  std::atomic<long> returned = 0;
};

// Of each kind one record with its name, where it makes one.
std::array<Kind, 8> kinds = {{
    {"metric", [](long n) { run.log("metric", n, n); }},
    {"row",
     [](long n) {
       run.log(n, {{"row", n}, {"other", 1}});
     }},
    {"spill",
     [](long) {
       static const std::string large((1u << 20) + 1, 'x');
       run.log_json("spill", large);
     }},
    {"file", [](long) { (void)run.upload_file("file", file_path); }},
    {"param", [](long n) { run.param("param", n); }},
    {"wait", [](long) { (void)run.wait_until(runlog::Durable, 1s); }},
    {"look",
     [](long) {
       (void)run.stats();
       (void)small.get_file_names();
       (void)small.get_metrics();
       run.flush();
     }},
    {"start",
     [](long) {
       auto other = runlog::start_logging(
           {.root = root + "-others", .segment_bytes = 64u << 10, .disk_budget = 1u << 20});
       if (!other) return;
       other->log("start", 1);
       other->complete();
     }},
}};

void* work(void* of) {
  auto& kind = *static_cast<Kind*>(of);
  for (;;) {
    const long n = kind.begun.fetch_add(1);
    kind.call(n);
    kind.returned.fetch_add(1);
    // A cancellation point of its own, and a pace that leaves little to read back.
    const timespec pause{0, 20'000};
    ::nanosleep(&pause, nullptr);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  root = argv[1];
  file_path = root + ".file";
  std::ofstream(file_path) << std::string(100'000, 'f');
  auto started = runlog::start_logging({.root = root,
                                        .sync_interval = 10ms,
                                        .pack_bytes = 64u << 10,
                                        .segment_bytes = 4u << 20,
                                        .overflow = runlog::Overflow::block,
                                        .on_error = [](const runlog::Error&) {}});
  if (!started) return 3;
  run = std::move(started).value();
  auto other = runlog::start_logging({.root = root + "-small"});
  if (!other) return 3;
  small = std::move(other).value();
  small.log("small", 1);
  unsigned seed = 12345;
  for (int round = 0; round < std::atoi(argv[2]); ++round) {
    std::array<pthread_t, kinds.size()> threads{};
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      ::pthread_create(&threads[i], nullptr, &work, &kinds[i]);
    }
    // Somewhere in the first calls, at another place each time.
    seed = seed * 1103515245 + 12345;
    const timespec pause{0, static_cast<long>((seed >> 8) % 3'000'000)};
    ::nanosleep(&pause, nullptr);
    for (const pthread_t thread : threads) ::pthread_cancel(thread);
    for (const pthread_t thread : threads) {
      void* result = nullptr;
      ::pthread_join(thread, &result);
      if (result != PTHREAD_CANCELED) return 4;
    }
  }
  run.complete();
  for (const Kind& kind : kinds) {
    std::printf("%s begun %ld returned %ld\n", kind.name, kind.begun.load(), kind.returned.load());
  }
  std::printf("dropped %llu\n", static_cast<unsigned long long>(run.stats().dropped));
  return 0;
}
