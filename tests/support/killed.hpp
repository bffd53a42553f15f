// Whether what a killed `killable` left is what it must be.
#pragma once

#include <filesystem>
#include <string>

#include "support/acknowledged.hpp"
#include "support/books.hpp"
#include "support/contents.hpp"

namespace test {

/// The books of a job that was not short of room close, for our reader and for `runlog verify`;
/// nothing was dropped, and below `place`, which is a root or a store, is the content of every
/// acknowledged artifact. Empty, or what is wrong.
[[nodiscard]] std::string problem_with(const Contents& contents, const Acknowledged& acknowledged,
                                       const std::filesystem::path& place);

}  // namespace test
