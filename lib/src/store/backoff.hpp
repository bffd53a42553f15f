// Backoff: how long to wait for a store that did not answer, and for an object that it refuses.
#pragma once

#include <chrono>

#include "store/object_store.hpp"

namespace runlog {

/// Full jitter, U(0, min(60 s, 0.5 s · 2^failures)), and never less than 50 ms. Ranks that lost the
/// store together do not come back together. From a generator of its own: the user's seeded one is
/// not drawn from.
[[nodiscard]] std::chrono::milliseconds backoff(int failures);

/// Where only its owner can help, after so many failures in a row: 1, 2, 4, and so on up to 15
/// minutes. People do mend permissions while a run lasts, and need not be asked every second.
[[nodiscard]] std::chrono::milliseconds owner_backoff(int failures);

/// Whether the same bytes will be refused again: too large, or the name is taken. To send gigabytes
/// only to hear so again costs money.
[[nodiscard]] bool is_refused_for_good(const PutAnswer& answer);

/// For one object that the store refused so many times in a row while it took others: drawn from
/// the upper half of 1 s · 2^(times - 1), or of a minute and more where only the owner can help, up
/// to 15 minutes; 15 minutes where it is refused for good.
[[nodiscard]] std::chrono::milliseconds refusal_backoff(int times, const PutAnswer& answer);

/// U(0, span).
[[nodiscard]] std::chrono::milliseconds random_phase(std::chrono::milliseconds span);

}  // namespace runlog
