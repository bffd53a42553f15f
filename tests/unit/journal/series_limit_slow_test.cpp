// A million series and more: half a minute in a Debug build.
#include <string>

#include "runlog/runlog.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"

using runlog::Kind;
using test::TemporaryDirectory;

TEST_CASE("values of a series beyond the limit are told as that, not as a full disk") {
  TemporaryDirectory root;
  auto started = runlog::start_logging({.root = root.path()});
  REQUIRE(started);
  auto run = *started;
  std::string name = "series/";
  for (int i = 0; i < 1'000'000; ++i) run.log(name + std::to_string(i), i);
  for (int i = 0; i < 300; ++i) run.log(name + "one too many/" + std::to_string(i), i);
  auto none = run.metric("another too many");
  none.log(1);
  CHECK(run.stats().dropped == 301);
  CHECK(run.stats().dropped_series == 301);
  run.complete();
  std::uint64_t told = 0;
  for (const auto& gap : test::read(run.journal_path()).of(Kind::gap)) {
    CHECK(gap.text->find("no further series") == 0);
    told += static_cast<std::uint64_t>(*gap.int_value);
  }
  CHECK(told == 301);
}
