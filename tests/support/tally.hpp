// What the victim `writer full` says at its end, and whether the data says the same.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace test {

struct Tally {
  std::int64_t calls = 0;
  std::uint64_t dropped = 0;
};

/// Of the line "calls N dropped N".
Tally parse_tally(const std::string& line);

/// Every call is either in the data or counted, in stats and in the data.
void check_tally(const std::filesystem::path& place, const Tally& tally);

}  // namespace test
