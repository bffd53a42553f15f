// How long a store is left alone: never for nothing, never for more than a minute, and ranks that
// lost it together, or started together, do not come back together.
#include "store/backoff.hpp"

#include <algorithm>
#include <set>
#include <thread>
#include <vector>

#include "support/catch.hpp"

using runlog::backoff;
using runlog::random_phase;
using namespace std::chrono_literals;

TEST_CASE("a backoff doubles its span up to a minute, and is drawn from all of it") {
  for (const int failures : {0, 1, 2, 3, 7, 8, 1000}) {
    const auto span =
        std::min<std::chrono::milliseconds>(60s, 500ms * (1 << std::min(failures, 7)));
    auto least = 1h + 0ms;
    auto most = 0ms;
    for (int i = 0; i < 2000; ++i) {
      const auto drawn = backoff(failures);
      REQUIRE(drawn >= 50ms);
      REQUIRE(drawn <= span);
      least = std::min(least, drawn);
      most = std::max(most, drawn);
    }
    // Full jitter: 2000 draws leave out a tenth at either end once in 10^91 times.
    CHECK(least <= 50ms + span / 10);
    CHECK(most >= span - span / 10);
  }
}

TEST_CASE("ranks that start together ship at different times") {
  std::vector<std::chrono::milliseconds> phases(64);
  std::vector<std::thread> ranks;
  for (auto& phase : phases) ranks.emplace_back([&phase] { phase = random_phase(30s); });
  for (auto& rank : ranks) rank.join();
  for (const auto phase : phases) {
    CHECK(phase >= 0ms);
    CHECK(phase <= 30s);
  }
  // Of 64 draws out of 30 001, five equal pairs come once in many thousand runs.
  CHECK(std::set(phases.begin(), phases.end()).size() >= 60);
  CHECK(random_phase(0ms) == 0ms);
}
