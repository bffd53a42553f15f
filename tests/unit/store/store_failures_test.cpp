// A store that cannot be reached is not a loss: what it did not give is told apart from damage.
#include <fstream>

#include "support/contents.hpp"
#include "support/store_fixture.hpp"

using namespace runlog;
using test::Outcome;
using test::pack_name;
using test::read_only_one;
using test::Reading;
using test::ship_run;
using test::TemporaryDirectory;
using test::write_pack;

TEST_CASE("a pack that the store does not give is a failure, spares the others, and is no damage") {
  TemporaryDirectory directory;
  for (std::uint32_t number = 0; number < 3; ++number) {
    write_pack(directory.path(), number, number * 1'000'000'000LL, 20000);
  }
  Reading reading(directory.path());
  const std::string middle = pack_name(reading, 1);
  std::string words;
  Errc code = Errc::unavailable;
  SECTION("no answer") {
    reading.store->faults.unavailable.insert(middle);
    words = "no answer";
  }
  SECTION("not allowed") {
    reading.store->faults.forbidden.insert(middle);
    words = "403";
    code = Errc::read_only;
  }
  const Outcome outcome = read_only_one(reading);
  CHECK(outcome.records.size() == 40000);
  CHECK(outcome.damage.empty());
  REQUIRE(outcome.failures.size() == 1);
  CHECK(outcome.failures[0].code == code);
  CHECK(outcome.failures[0].message.find("test://bucket/prefix/" + middle) != std::string::npos);
  CHECK(outcome.failures[0].message.find(words) != std::string::npos);
}

TEST_CASE("a store that goes away in mid-reading is a failure, and no hole in the run") {
  TemporaryDirectory directory;
  write_pack(directory.path(), 0, 0, 140'000);  // three row groups
  Reading reading(directory.path());
  auto found = reading.find();
  REQUIRE(found);
  auto source = JournalSource::open(found->front(), {});
  REQUIRE(source);
  std::int64_t records = 0;
  for (; (*source)->peek() != nullptr; (*source)->pop()) {
    if (++records == 1000) reading.store->faults.unavailable.insert(pack_name(reading, 0));
  }
  CHECK(records == 65536);
  CHECK((*source)->damage().empty());
  REQUIRE((*source)->failures().size() == 1);
}

TEST_CASE("of a run that has ended, what the store does not give is not missing") {
  TemporaryDirectory directory;
  ship_run(directory, "a");
  Reading reading(directory / "store");
  // In the middle, and the one that tells of the end.
  const auto packs = reading.find()->front().remote_packs.size();
  const std::size_t which = GENERATE(std::size_t{1}, SIZE_MAX);
  reading.store->faults.unavailable.insert(pack_name(reading, std::min(which, packs - 1)));
  const Outcome outcome = read_only_one(reading);
  CHECK(outcome.lost() == 0);
  CHECK(outcome.damage.empty());
  CHECK(outcome.failures.size() == 1);
  auto found = reading.find();
  REQUIRE(found);
  auto source = JournalSource::open(found->front(), {});
  REQUIRE(source);
  JournalInfo info = found->front().info;
  (*source)->sum_up(info);
  CHECK((*source)->damage().empty());
  CHECK((*source)->failures().size() == 1);
}

TEST_CASE("damage stays damage beside a failure") {
  TemporaryDirectory directory;
  for (std::uint32_t number = 0; number < 3; ++number) {
    write_pack(directory.path(), number, number * 1'000'000'000LL, 20000);
  }
  Reading reading(directory.path());
  reading.store->faults.unavailable.insert(pack_name(reading, 0));
  reading.store->faults.scrambled.insert(pack_name(reading, 2));
  const Outcome outcome = read_only_one(reading);
  CHECK(outcome.records.size() == 20000);
  CHECK(outcome.failures.size() == 1);
  REQUIRE(outcome.damage.size() == 1);
  CHECK(outcome.damage[0].records_lost > 0);
}

TEST_CASE("a digest that cannot be compared is a failure") {
  TemporaryDirectory directory;
  write_pack(directory.path(), 0, 0, 100);
  Reading reading(directory.path());
  reading.store->faults.no_heads = true;
  const Outcome outcome = read_only_one(reading, true);
  CHECK(outcome.records.size() == 100);
  CHECK(outcome.damage.empty());
  REQUIRE(outcome.failures.size() == 1);
  CHECK(outcome.failures[0].message.find("digest") != std::string::npos);
}
