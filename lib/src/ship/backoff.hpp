// Backoff: how long to leave a store alone that did not answer.
#pragma once

#include <chrono>

namespace runlog {

/// Full jitter, U(0, min(60 s, 0.5 s · 2^failures)), and never less than 50 ms. Ranks that lost the
/// store together do not come back together. From a generator of its own: the user's seeded one is
/// not drawn from.
[[nodiscard]] std::chrono::milliseconds backoff(int failures);

/// U(0, span).
[[nodiscard]] std::chrono::milliseconds random_phase(std::chrono::milliseconds span);

}  // namespace runlog
