// New identities, from the kernel's random source. Never from the program's seeded generators: two
// ranks with the same seed must not collide, and drawing would change the user's experiment.
#pragma once

#include <cstdint>
#include <string>

#include "base/ids.hpp"

namespace runlog {

[[nodiscard]] Session make_session() noexcept;

/// "20261122-170355-9f2c41": sorts by start time; the tail keeps two starts in one second apart.
[[nodiscard]] std::string make_run_id(std::int64_t unix_ns);

}  // namespace runlog
