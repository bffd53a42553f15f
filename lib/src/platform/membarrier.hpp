// membarrier: a full barrier in every running thread of the process, at the price of one system
// call in the calling thread. Where the kernel or a sanitizer does not support it, both sides must
// use sequentially consistent operations.
#pragma once

namespace runlog {

/// True when membarrier(PRIVATE_EXPEDITED) is registered for this process. Decided once.
bool membarrier_is_usable() noexcept;
void membarrier_all() noexcept;

}  // namespace runlog
