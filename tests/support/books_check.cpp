// The part of books.hpp that needs Catch. tests/long has its own main, and no Catch.
#include <cstdio>

#include "support/books.hpp"
#include "support/catch.hpp"

namespace test {

Contents check_books(const std::filesystem::path& place, const Books& books) {
  Contents contents = read(place);
  CHECK(problem_with_books(contents, books) == "");
  if (contents.rows.size() > kVerified_rows_max) return contents;
  const Verified verified = verify(place);
  CHECK(verified.problem == "");
  CHECK(verified.dropped == contents.dropped());
  CHECK(verified.damaged == contents.lost());
  return contents;
}

Tally parse_tally(const std::string& line) {
  Tally tally;
  REQUIRE(std::sscanf(line.c_str(), "calls %lu dropped %lu", &tally.calls, &tally.dropped) == 2);
  return tally;
}

void check_tally(const std::filesystem::path& place, const Tally& tally) {
  CHECK(tally.dropped > 0);
  (void)check_books(place, {.accounts = {{"train/loss", tally.calls}}, .dropped = tally.dropped});
}

}  // namespace test
