#include "store/backoff.hpp"

#include <algorithm>
#include <random>

namespace runlog {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kBackoff_first{500};
constexpr milliseconds kBackoff_least{50};
constexpr milliseconds kBackoff_max{60'000};
constexpr int kDoublings_max = 7;
constexpr milliseconds kOwner_first{60'000};
constexpr milliseconds kRefusal_first{1'000};
constexpr milliseconds kSlow_max{15 * 60'000};
constexpr int kSlow_doublings_max = 10;

std::minstd_rand& generator() {
  static thread_local std::minstd_rand random(std::random_device{}());
  return random;
}

milliseconds doubled(milliseconds first, int times) {
  return std::min(kSlow_max, first * (1 << std::clamp(times - 1, 0, kSlow_doublings_max)));
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

milliseconds owner_backoff(int failures) {
  return doubled(kOwner_first, failures);
}

bool is_refused_for_good(const PutAnswer& answer) {
  return answer.verdict == PutAnswer::Verdict::reject ||
         (answer.concerns_object_only && answer.error.os_errno == 0);
}

milliseconds refusal_backoff(int times, const PutAnswer& answer) {
  if (is_refused_for_good(answer)) return kSlow_max;
  const milliseconds most = doubled(answer.needs_owner ? kOwner_first : kRefusal_first, times);
  return std::max(answer.not_before, between(most / 2, most));
}

milliseconds random_phase(milliseconds span) {
  return between(milliseconds(0), std::max(span, milliseconds(0)));
}

}  // namespace runlog
