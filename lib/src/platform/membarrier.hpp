// membarrier: a full barrier in every thread of the process that runs, for the price of one system
// call in the thread that asks. Where the kernel or a sanitizer has none, both sides must use
// sequentially consistent operations.
#pragma once

namespace runlog {

/// True when membarrier(PRIVATE_EXPEDITED) is registered for this process. Decided once.
bool membarrier_is_usable() noexcept;
void membarrier_all() noexcept;

}  // namespace runlog
