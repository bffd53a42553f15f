#include "ship/backoff.hpp"

#include <algorithm>
#include <random>

namespace runlog {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kBackoff_first{500};
constexpr milliseconds kBackoff_least{50};
constexpr milliseconds kBackoff_max{60'000};
constexpr int kDoublings_max = 7;

std::minstd_rand& generator() {
  static thread_local std::minstd_rand random(std::random_device{}());
  return random;
}

milliseconds between(milliseconds least, milliseconds most) {
  return milliseconds(
      std::uniform_int_distribution<milliseconds::rep>(least.count(), most.count())(generator()));
}

}  // namespace

milliseconds backoff(int failures) {
  const int doublings = std::clamp(failures, 0, kDoublings_max);
  return between(kBackoff_least, std::min(kBackoff_max, kBackoff_first * (1 << doublings)));
}

milliseconds random_phase(milliseconds span) {
  return between(milliseconds(0), std::max(span, milliseconds(0)));
}

}  // namespace runlog
