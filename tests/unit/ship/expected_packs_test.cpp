// Which packs may be removed to make room, and which are missed when somebody else removes them.
#include "ship/expected_packs.hpp"

#include <filesystem>
#include <fstream>

#include "support/catch.hpp"
#include "support/process.hpp"

using namespace runlog;

namespace {

class Packs {
 public:
  Packs() { REQUIRE(directory.create()); }

  void make(std::uint32_t pack) {
    std::ofstream(directory.pack(pack)) << pack;
    packs.expect(pack, 10 * pack);
  }
  // Whether it was removed.
  bool evict(std::uint32_t pack) {
    packs.unless_busy_with(pack, [&] { std::filesystem::remove(directory.pack(pack)); });
    return !std::filesystem::exists(directory.pack(pack));
  }

 private:
  test::TemporaryDirectory root_;

 public:
  const JournalDir directory{root_ / "r0-00000000000000000000000000000000"};
  ExpectedPacks packs{directory};
};

}  // namespace

TEST_CASE("a pack that somebody removed is missing, with its records, until it is told of") {
  Packs all;
  all.make(1);
  all.make(2);
  CHECK(all.packs.missing().empty());
  std::filesystem::remove(all.directory.pack(2));
  for (int round = 0; round < 2; ++round) {
    const auto missing = all.packs.missing();
    REQUIRE(missing.size() == 1);
    CHECK(missing[0].pack == 2);
    CHECK(missing[0].records == 20);
  }
  all.packs.arrived(2);
  CHECK(all.packs.missing().empty());
}

TEST_CASE("a pack that the job removed to make room is not missing") {
  Packs all;
  all.make(1);
  CHECK(all.evict(1));
  CHECK(all.packs.missing().empty());
}

TEST_CASE("a pack is not removed while it is held back or being sent") {
  Packs all;
  all.make(1);
  all.packs.hold_back(1);
  CHECK(all.packs.is_held_back(1));
  CHECK_FALSE(all.evict(1));
  all.packs.hold_nothing_back();
  all.packs.sends(1);
  CHECK_FALSE(all.evict(1));
  all.packs.sends({});
  CHECK(all.evict(1));
}

TEST_CASE("packs that were sent in vain are not removed: the store may have them") {
  Packs all;
  constexpr std::uint32_t kPacks = 20;
  for (std::uint32_t pack = 1; pack <= kPacks; ++pack) {
    all.make(pack);
    all.packs.doubt(pack);
    all.packs.doubt(pack);
  }
  for (std::uint32_t pack = 1; pack <= kPacks; ++pack) CHECK_FALSE(all.evict(pack));
  all.packs.arrived(1);
  CHECK(all.evict(1));
}

TEST_CASE("packs of a journal that was removed are missing, those of one that moved are not") {
  for (const bool is_removed : {false, true}) {
    const test::TemporaryDirectory root;
    const JournalDir directory(root / "r0-00000000000000000000000000000000");
    std::size_t times = 0;
    ExpectedPacks packs(directory,
                        {.times_revived = [&] { return times; },
                         .was_removed = [&](auto when) { return is_removed && when < times; }});
    REQUIRE(directory.create());
    packs.expect(1, 10);
    // Whether it is gone or elsewhere, its old folder is not the new one.
    std::filesystem::rename(directory.path(), root / "away");
    CHECK(packs.missing().empty());  // not seen yet
    ++times;
    REQUIRE(directory.create());
    std::ofstream(directory.pack(2)) << "there";
    packs.expect(2, 20);
    const auto missing = packs.missing();
    CHECK(missing.size() == (is_removed ? 1 : 0));
    if (is_removed) CHECK((missing.front().pack == 1 && missing.front().records == 10));
    packs.arrived(1);
    CHECK(packs.missing().empty());
  }
}

TEST_CASE("packs that were moved away with their folder are not missing") {
  Packs all;
  all.make(1);
  std::filesystem::rename(all.directory.packs(), all.directory.path() / "moved");
  CHECK(all.packs.missing().empty());
  std::filesystem::create_directory(all.directory.packs());
  CHECK(all.packs.missing().empty());
}
