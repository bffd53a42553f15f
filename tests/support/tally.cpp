#include "support/tally.hpp"

#include <cstdio>

#include "support/catch.hpp"
#include "support/contents.hpp"

namespace test {

Tally parse_tally(const std::string& line) {
  Tally tally;
  REQUIRE(std::sscanf(line.c_str(), "calls %ld dropped %lu", &tally.calls, &tally.dropped) == 2);
  return tally;
}

void check_tally(const std::filesystem::path& place, const Tally& tally) {
  const auto contents = read(place);
  CHECK(tally.dropped > 0);
  CHECK(contents.steps("train/loss").size() + tally.dropped ==
        static_cast<std::size_t>(tally.calls));
  CHECK(contents.dropped() == tally.dropped);
  CHECK(contents.damage.empty());
  CHECK(contents.is_free_of_duplicates());
}

}  // namespace test
