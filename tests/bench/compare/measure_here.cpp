// The child's side of a measurement.
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <random>
#include <stdexcept>
#include <thread>

#include <nlohmann/json.hpp>

#include "bench/compare/measure.hpp"

namespace bench {
namespace {

using SteadyClock = std::chrono::steady_clock;
using nlohmann::json;

double ticks_per_ns() {
  static const double rate = [] {
    const auto begin = SteadyClock::now();
    const std::uint64_t first = __rdtsc();
    while (SteadyClock::now() - begin < std::chrono::milliseconds(50)) {
    }
    const std::chrono::duration<double, std::nano> ns = SteadyClock::now() - begin;
    return static_cast<double>(__rdtsc() - first) / ns.count();
  }();
  return rate;
}

std::uint64_t to_ticks(double ns) {
  return static_cast<std::uint64_t>(ns * ticks_per_ns());
}

double cpu_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

rusage thread_usage() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return usage;
}

// The caller keeps one core; what a library runs in the background has the others, as it is in a
// training job. Called after open(), so that threads started there are not pinned.
void pin(int index) {
  const auto cores = static_cast<int>(std::thread::hardware_concurrency());
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>((cores - 1 - index % cores + cores) % cores), &set);
  ::sched_setaffinity(0, sizeof set, &set);
}

json quantiles(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  const auto at = [&](double share) {
    const auto index = static_cast<std::size_t>(share * static_cast<double>(samples.size()));
    return samples[std::min(index, samples.size() - 1)];
  };
  return {{"p50", at(0.5)},           {"p90", at(0.9)},      {"p99", at(0.99)},
          {"p999", at(0.999)},        {"p9999", at(0.9999)}, {"max", samples.back()},
          {"samples", samples.size()}};
}

// 64 calls every 500 µs; time / 64.
json burst(Writer& writer, Shape shape, double scale) {
  const auto bursts = static_cast<std::size_t>(4000 * scale);
  const std::size_t warm_up = bursts / 10 + 10;
  const std::uint64_t period = to_ticks(500'000);
  std::vector<double> samples;
  samples.reserve(bursts);
  std::uint64_t next = __rdtsc();
  for (std::size_t i = 0; i < bursts + warm_up; ++i) {
    while (__rdtsc() < next) {
    }
    next += period;
    _mm_lfence();
    const std::uint64_t begin = __rdtsc();
    writer.burst(shape, static_cast<std::int64_t>(i) * kBurst_calls, kBurst_calls);
    const std::uint64_t taken = __rdtsc() - begin;
    if (i >= warm_up) {
      samples.push_back(static_cast<double>(taken) / ticks_per_ns() / kBurst_calls);
    }
  }
  return quantiles(std::move(samples));
}

// Single calls, 1 to 10 µs apart. The two rdtsc around each call are in the numbers.
json paced(Writer& writer, const Peer& peer, double scale) {
  const auto calls = static_cast<std::size_t>(300'000 * scale);
  std::mt19937 random(20261122);
  std::vector<std::uint32_t> pauses(calls), taken(calls);
  std::uniform_real_distribution<double> pause_ns(1'000, 10'000);
  for (auto& pause : pauses) pause = static_cast<std::uint32_t>(to_ticks(pause_ns(random)));
  std::vector<std::uint32_t> ignored(calls / 10);
  writer.singles(Shape::metric, std::span(pauses).first(calls / 10), ignored);
  const rusage before = thread_usage();
  writer.singles(Shape::metric, pauses, taken);
  const rusage after = thread_usage();
  std::vector<double> samples;
  for (const std::uint32_t ticks : taken) {
    samples.push_back(ticks / ticks_per_ns() / (peer.is_row ? kRow_metrics : 1));
  }
  json result = quantiles(std::move(samples));
  // What else took time: page faults of ours, and others that had this core meanwhile.
  result["faults"] = after.ru_minflt + after.ru_majflt - before.ru_minflt - before.ru_majflt;
  result["preempted"] = after.ru_nivcsw - before.ru_nivcsw;
  return result;
}

// Every thread logs its records as fast as it can. The time is from the first call of any to the
// last of any: they take it themselves, because the thread that waits for them may be late.
json tight(Writer& writer, const Peer& peer, int threads, double scale) {
  const auto records = static_cast<std::int64_t>(10'000'000 * scale / peer.tight_divisor) /
                       kRow_metrics * kRow_metrics;
  struct Taken {
    SteadyClock::time_point begin, end;
    double cpu_ns = 0;
  };
  std::vector<Taken> taken(static_cast<std::size_t>(threads));
  double cpu_begin = 0;
  std::barrier start(threads, [&]() noexcept { cpu_begin = cpu_ns(CLOCK_PROCESS_CPUTIME_ID); });
  std::vector<std::thread> callers;
  for (int i = 0; i < threads; ++i) {
    callers.emplace_back([&, i] {
      Taken& mine = taken[static_cast<std::size_t>(i)];
      pin(i);
      writer.burst(Shape::metric, 0, 1024);  // lanes, thread-local buffers, prepared pages
      start.arrive_and_wait();
      const double before = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
      mine.begin = SteadyClock::now();
      writer.burst(Shape::metric, 0, records);
      mine.end = SteadyClock::now();
      mine.cpu_ns = cpu_ns(CLOCK_THREAD_CPUTIME_ID) - before;
    });
  }
  for (auto& caller : callers) caller.join();
  writer.close();
  const auto closed_at = SteadyClock::now();
  auto begin = SteadyClock::time_point::max();
  auto end = SteadyClock::time_point::min();
  double callers_ns = 0;
  for (const Taken& one : taken) {
    begin = std::min(begin, one.begin);
    end = std::max(end, one.end);
    callers_ns += one.cpu_ns;
  }
  const std::chrono::duration<double> called = end - begin;
  const std::chrono::duration<double> closed = closed_at - begin;
  const auto total = static_cast<double>(records) * threads;
  return {{"mrec_s", total / called.count() / 1e6},
          {"mrec_s_closed", total / closed.count() / 1e6},
          {"cpu_ns", (cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_begin) / total},
          {"caller_cpu_ns", callers_ns / total},
          {"records", total}};
}

// 180 calls a millisecond, the caller asleep in between: what the background costs, and how many
// bytes a record takes. Closing counts as background.
json rate(Writer& writer, const Peer& peer, double scale) {
  const auto rounds = static_cast<std::int64_t>(3000 * scale);
  constexpr std::int64_t kCalls = 180 / kRow_metrics * kRow_metrics;
  writer.burst(Shape::metric, 0, 1024);
  const double process_begin = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
  const double caller_begin = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
  auto next = SteadyClock::now();
  for (std::int64_t i = 0; i < rounds; ++i) {
    writer.burst(Shape::metric, i * kCalls, kCalls);
    next += std::chrono::microseconds(kCalls * 1000 / 180);
    std::this_thread::sleep_until(next);
  }
  const double caller = cpu_ns(CLOCK_THREAD_CPUTIME_ID) - caller_begin;
  writer.close();
  const double process = cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - process_begin;
  const auto records = static_cast<double>(rounds * kCalls);
  (void)peer;
  return {{"background_cpu_ns", (process - caller) / records},
          {"caller_cpu_ns", caller / records},
          {"records", records + 1024}};
}

}  // namespace

void measure_here(const Peer& peer, const Measurement& what,
                  const std::filesystem::path& directory) {
  const auto writer = peer.make();
  writer->open(directory);
  if (what.mode == "kill" || what.mode == "kill-tight") {
    const int fd = ::open((directory.native() + ".returned").c_str(), O_RDWR | O_CLOEXEC);
    void* const map =
        ::mmap(nullptr, sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) throw std::runtime_error("no counter");
    pin(0);
    auto& returned = *static_cast<std::atomic<std::uint64_t>*>(map);
    writer->until_killed(returned,
                         what.mode == "kill" ? to_ticks(1e9 / 180'000) : std::uint64_t{0});
  }
  json result;
  if (what.mode == "tight") {
    result = tight(*writer, peer, what.threads, what.scale);
  } else {
    if (what.mode != "rate") pin(0);
    writer->burst(Shape::metric, 0, 1024);
    if (what.mode == "burst") result = burst(*writer, Shape::metric, what.scale);
    if (what.mode == "burst-text") result = burst(*writer, Shape::text, what.scale);
    if (what.mode == "paced") result = paced(*writer, peer, what.scale);
    if (what.mode == "rate") {
      result = rate(*writer, peer, what.scale);
    } else {
      writer->close();
    }
  }
  std::printf("%s\n", result.dump().c_str());
}

}  // namespace bench
