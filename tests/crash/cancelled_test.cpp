// Promise: no call is a cancellation point. A thread that is cancelled in one comes out of it with
// its work done, and the job lives.
#include <algorithm>
#include <array>
#include <cstdio>
#include <sstream>

#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"

using runlog::Kind;

TEST_CASE("a thread that is cancelled in a call ends behind it, and the call's record is kept") {
  const test::TemporaryDirectory place;
  const auto root = place / "runs";
  const auto [exit, output] = test::run_command({test::victim("cancelled"), root.native(), "200"});
  INFO(output);
  REQUIRE(exit.signal == 0);
  REQUIRE(exit.code == 0);
  const auto contents = test::read(root);
  CHECK(contents.damage.empty());
  CHECK(contents.is_free_of_duplicates());
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    std::array<char, 16> name{};
    long begun = 0;
    long returned = 0;
    if (std::sscanf(line.c_str(), "%15s begun %ld returned %ld", name.data(), &begun, &returned) !=
        3) {
      CHECK(line == "dropped 0");
      continue;
    }
    INFO(line);
    // Every call that was begun has come to its end.
    CHECK(begun == returned);
    CHECK(returned > 0);
    const auto is_of = [&](const test::Row& row) {
      const bool is_spilled = row.kind == Kind::spill && row.name == std::string_view(name.data());
      return is_spilled || (row.name == std::string_view(name.data()) && row.kind != Kind::spill);
    };
    const std::string kind = name.data();
    if (kind == "wait" || kind == "look" || kind == "start") continue;  // no records in this run
    CHECK(std::count_if(contents.rows.begin(), contents.rows.end(), is_of) == returned);
  }
}
