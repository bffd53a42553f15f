// A training loop at a steady pace. Usage: trainer ROOT RECORDS_PER_SECOND SECONDS
// [quiet|report]; everything else through RUNLOG_* variables. SECONDS 0: until it is killed.
//
// Says "logged N" on stdout, unbuffered, after each call that returned. With "quiet" it does not;
// with "report" it says instead, at its end, how long the calls took, in nanoseconds.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "runlog/runlog.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// One line, one write: nothing is buffered in the process that will be killed.
void say(const std::string& line) {
  const std::string text = line + "\n";
  if (::write(STDOUT_FILENO, text.data(), text.size()) < 0) std::_Exit(9);
}

std::string quantile(const std::vector<std::int32_t>& sorted, double part) {
  const auto last = static_cast<double>(sorted.size() - 1);
  return std::to_string(sorted[static_cast<std::size_t>(last * part)]);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const std::int64_t per_second = std::max(1L, std::atol(argv[2]));
  const std::int64_t total = per_second * std::atol(argv[3]);
  const std::string mode = argc > 4 ? argv[4] : "";
  const bool is_reporting = mode == "report";
  runlog::Options options;
  options.root = argv[1];
  auto run = runlog::start_logging(std::move(options));
  if (!run) {
    say("error " + run.error().message);
    return 8;
  }
  auto loss = run->metric("train/loss");
  // Made and touched before the loop: its pages must not show in what is measured.
  std::vector<std::int32_t> nanoseconds(is_reporting ? static_cast<std::size_t>(total) : 0, 1);
  const auto start = Clock::now();
  for (std::int64_t step = 0; total == 0 || step < total; ++step) {
    if (step % std::max<std::int64_t>(1, per_second / 1000) == 0) {
      std::this_thread::sleep_until(start + step * std::chrono::nanoseconds(1s) / per_second);
    }
    const auto before = Clock::now();
    loss.log(1.0 / static_cast<double>(step + 1), step);
    if (is_reporting) {
      const auto taken = std::chrono::nanoseconds(Clock::now() - before).count();
      nanoseconds[static_cast<std::size_t>(step)] =
          static_cast<std::int32_t>(std::min<std::int64_t>(taken, INT32_MAX));
    } else if (mode.empty()) {
      say("logged " + std::to_string(step));
    }
  }
  run->complete();
  if (is_reporting && total > 0) {
    std::sort(nanoseconds.begin(), nanoseconds.end());
    const auto stats = run->stats();
    say("calls " + std::to_string(total) + " p50 " + quantile(nanoseconds, 0.5) + " p99 " +
        quantile(nanoseconds, 0.99) + " p99.9 " + quantile(nanoseconds, 0.999) + " max " +
        quantile(nanoseconds, 1) + " dropped " + std::to_string(stats.dropped));
  }
  return 0;
}
