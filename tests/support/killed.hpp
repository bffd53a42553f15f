// Whether what a killed `killable` left is what it must be.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "support/acknowledged.hpp"
#include "support/contents.hpp"

namespace test {

/// The numbers that a slot's records carry, in the order read.
[[nodiscard]] std::vector<std::int64_t> numbers_of(const Contents& contents, std::size_t slot);

/// Every acknowledged record read back exactly once, in order per thread, and of those that nobody
/// acknowledged at most the one that each slot was about to; no damage; and below `place`, which is
/// a root or a store, the content of every acknowledged artifact. Empty, or what is wrong.
[[nodiscard]] std::string problem_with(const Contents& contents, const Acknowledged& acknowledged,
                                       const std::filesystem::path& place);

}  // namespace test
