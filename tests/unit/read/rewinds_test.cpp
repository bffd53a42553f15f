// Which attempt came first, and what a rewind makes void, where clocks do not agree.
#include "read/rewinds.hpp"

#include "read/attempts.hpp"
#include "support/catch.hpp"

using runlog::Attempt;
using runlog::begins_of;
using runlog::JournalInfo;
using runlog::Kind;
using runlog::Record;

namespace {

JournalInfo journal(const std::string& session, const std::string& follows = {},
                    const std::string& parent = {}) {
  JournalInfo info;
  info.run_id = "job";
  info.session = session;
  info.follows = follows;
  info.parent_session = parent;
  return info;
}

Record record(std::int64_t time_ns, std::int64_t step, std::int32_t lane = 1, std::int64_t seq = 0,
              Kind kind = Kind::metric) {
  Record one;
  one.kind = kind;
  one.time_ns = time_ns;
  one.step = step;
  one.lane = lane;
  one.seq = seq;
  return one;
}

}  // namespace

TEST_CASE("an attempt begins behind the one that it follows, whatever the clock said") {
  const auto begins = begins_of({{"c", "b", 50}, {"b", "a", 900}, {"a", "", 1'000}, {"d", "x", 7}});
  CHECK(begins.at("a") == 1'000);
  CHECK(begins.at("b") == 1'001);
  CHECK(begins.at("c") == 1'002);
  CHECK(begins.at("d") == 7);
}

TEST_CASE("attempts that claim to follow each other, or themselves, have an order all the same") {
  const auto begins = begins_of({{"a", "b", 1}, {"b", "a", 2}, {"c", "c", 3}, {"", "", 4}});
  CHECK(begins.size() == 4);
  CHECK(begins.at("c") == 3);
}

TEST_CASE("a long chain of attempts") {
  std::vector<Attempt> all;
  for (int i = 0; i < 20'000; ++i) {
    all.push_back({std::to_string(i), i == 0 ? "" : std::to_string(i - 1), 20'000 - i});
  }
  const auto begins = begins_of(all);
  CHECK(begins.at("19999") == 20'000 + 19'999);
}

TEST_CASE("a rewind of a later attempt goes by the attempts and not by the time") {
  runlog::Rewinds rewinds;
  const auto first = journal("a");
  const auto second = journal("b", "a");
  const auto child = journal("k", "", "a");
  // The second attempt's clock is behind.
  rewinds.add(second, record(500, 150, 1, 0, Kind::rewind));
  rewinds.finish({first, second, child});
  CHECK(rewinds.voids(first, record(1'000, 150)));
  CHECK(rewinds.voids(first, record(1'000, 299)));
  CHECK_FALSE(rewinds.voids(first, record(1'000, 149)));
  CHECK(rewinds.voids(child, record(1'000, 200)));
  CHECK_FALSE(rewinds.voids(second, record(501, 150, 1, 1)));
  CHECK_FALSE(rewinds.voids(second, record(501, 150, 2, 0)));
}

TEST_CASE("a rewind of an earlier attempt does not reach the later one") {
  runlog::Rewinds rewinds;
  const auto first = journal("a");
  const auto second = journal("b", "a");
  rewinds.add(first, record(1'000, 10, 1, 5, Kind::rewind));
  rewinds.finish({first, second});
  CHECK_FALSE(rewinds.voids(second, record(500, 20)));
  CHECK(rewinds.voids(first, record(900, 20, 2, 0)));
}

TEST_CASE("within a lane a rewind goes by the order of the calls, though the clock went back") {
  runlog::Rewinds rewinds;
  const auto only = journal("a");
  rewinds.add(only, record(500, 10, 1, 100, Kind::rewind));
  rewinds.finish({only});
  CHECK(rewinds.voids(only, record(1'000, 10, 1, 99)));
  CHECK_FALSE(rewinds.voids(only, record(400, 10, 1, 101)));
  CHECK_FALSE(rewinds.voids(only, record(1'000, 10, 2, 7)));
  CHECK(rewinds.voids(only, record(499, 10, 2, 7)));
}

TEST_CASE("ranks and attempts that did not see each other go by the time") {
  runlog::Rewinds rewinds;
  const auto zero = journal("a");
  auto one = journal("b");
  one.rank = 1;
  rewinds.add(zero, record(500, 10, 1, 100, Kind::rewind));
  rewinds.finish({zero, one});
  CHECK(rewinds.voids(one, record(499, 12)));
  CHECK_FALSE(rewinds.voids(one, record(501, 12)));
}
