// What is done with segments behind their writers, round by round, in the test's own thread: no
// keeper, and a syncer without a thread.
#include "keep/housekeeping.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "journal/journal.hpp"
#include "platform/process.hpp"
#include "platform/random.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"

using namespace std::chrono_literals;
using runlog::Housekeeping;
using runlog::Kind;
using runlog::Turn;

namespace {

constexpr std::uint64_t kSegment_bytes = 64u << 10;
/// Random, so that it takes in a pack what it takes in a segment.
constexpr std::size_t kText_bytes = 1'000;

std::string random_text(std::size_t bytes, std::uint64_t& state) {
  std::string text;
  while (text.size() < bytes) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    text += static_cast<char>('!' + (state >> 33) % 90);
  }
  return text;
}

struct House {
  explicit House(Housekeeping::Settings settings = {}, std::uint64_t disk_budget = 1u << 30) {
    const runlog::Session session = runlog::make_session();
    auto made = runlog::Journal::create(
        {.directory = runlog::JournalDir::of(root.path(), "run", 0, session),
         .meta = {.run_id = "run", .session = runlog::to_hex(session)},
         .process = runlog::this_process(),
         .session = session,
         .limits = {.segment_bytes = kSegment_bytes, .disk_budget = disk_budget},
         .crash_marker = false});
    REQUIRE(made);
    journal = *made;
    syncer = std::make_unique<runlog::Syncer>(journal, runlog::Syncer::Settings{});
    settings.report = [this](const runlog::Error& error) { told.push_back(error); };
    house = std::make_unique<Housekeeping>(*journal, *syncer, std::move(settings));
  }

  void append(int count) {
    for (int i = 0; i < count; ++i) {
      const std::string text = random_text(kText_bytes, random);
      runlog::format::Event event{.kind = Kind::text, .name = "info", .text = text};
      event.time_ns = journal->now_ns();
      REQUIRE(journal->lane()->append_event(event));
    }
  }
  auto round(Housekeeping::Wish wish) {
    Turn turn(turns, Turn::Worker::caller, Turn::Clock::now());
    REQUIRE(turn);
    return house->round(turn, wish);
  }
  [[nodiscard]] std::size_t segments() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(journal->directory().lanes())) {
      if (entry.path().extension() == ".seg") ++count;
    }
    return count;
  }
  [[nodiscard]] std::size_t packs() const { return test::packs_below(root.path()).size(); }
  [[nodiscard]] std::size_t texts() const { return test::read(root.path()).of(Kind::text).size(); }

  test::TemporaryDirectory root;
  std::uint64_t random = 1;
  std::vector<runlog::Error> told;
  std::shared_ptr<runlog::Journal> journal;
  std::unique_ptr<runlog::Syncer> syncer;
  runlog::Turns turns;
  std::unique_ptr<Housekeeping> house;
};

}  // namespace

TEST_CASE("what is less than a pack stays where it is until it is wanted") {
  House here({.pack_bytes = 4 * kSegment_bytes});
  here.append(80);  // a full segment, and one that is begun
  auto outcome = here.round({});
  REQUIRE(outcome);
  CHECK_FALSE(outcome->has_new_packs);
  CHECK(here.house->counts().segments_sealed == 1);
  CHECK(here.packs() == 0);
  here.append(240);
  outcome = here.round({});
  REQUIRE(outcome);
  CHECK(outcome->has_new_packs);
  CHECK(here.packs() == 1);
  outcome = here.round({.everything = true});
  REQUIRE(outcome);
  CHECK(outcome->is_packed);
  CHECK(here.packs() == 2);
  CHECK(here.house->counts().packs_made == 2);
  CHECK(here.texts() == 320);
  CHECK(here.told.empty());
}

TEST_CASE("a pack is held back from before it is there until its segments are gone") {
  std::vector<std::string> steps;
  House* there = nullptr;
  Housekeeping::Shipping shipping;
  shipping.hold_back = [&](std::uint32_t pack) {
    CHECK_FALSE(std::filesystem::exists(there->journal->directory().pack(pack)));
    CHECK(std::filesystem::exists(there->journal->directory().segment(pack)));
    steps.push_back("held back " + std::to_string(pack));
  };
  shipping.hold_nothing_back = [&] {
    CHECK(there->packs() == 1);
    CHECK_FALSE(std::filesystem::exists(there->journal->directory().segment(0)));
    steps.emplace_back("released");
  };
  House here({.shipping = shipping});
  there = &here;
  here.append(1);
  REQUIRE(here.round({.everything = true}));
  CHECK(steps == std::vector<std::string>{"held back 0", "released"});
}

TEST_CASE("a round whose time is over leaves its work, and the next one does it") {
  House here;
  here.append(40);
  {
    Turn turn(here.turns, Turn::Worker::caller, Turn::Clock::now(), Turn::Clock::now());
    REQUIRE(turn);
    CHECK_FALSE(here.house->round(turn, {.everything = true}));
    CHECK(turn.has_given_up());
  }
  CHECK(here.packs() == 0);
  CHECK(here.texts() == 40);
  const auto outcome = here.round({.everything = true});
  REQUIRE(outcome);
  CHECK(outcome->is_packed);
  CHECK(here.packs() == 1);
  CHECK(here.texts() == 40);
}

TEST_CASE("nobody works on once work is stopped") {
  House here;
  here.append(1);
  here.turns.stop_work();
  CHECK_FALSE(here.round({.everything = true}));
  CHECK(here.packs() == 0);
}

TEST_CASE("the end leaves packs and nothing else") {
  House here;
  here.append(20);
  const auto outcome = here.round({.everything = true, .end = true});
  REQUIRE(outcome);
  CHECK(outcome->is_empty);
  CHECK(here.segments() > 0);  // the spares, and what is set aside for last words
  {
    Turn turn(here.turns, Turn::Worker::caller, Turn::Clock::now());
    here.house->discard_reserves(turn);
  }
  CHECK(here.segments() == 0);
  CHECK_FALSE(std::filesystem::exists(here.journal->directory().pack_reserve()));
  CHECK(here.texts() == 20);
}

TEST_CASE("what lies in a file without a name is packed unasked") {
  House here;
  here.append(1);
  REQUIRE(here.round({}));
  CHECK(here.packs() == 0);
  std::filesystem::remove(here.journal->directory().segment(0));
  here.syncer->look_at_files();
  REQUIRE(here.round({}));
  CHECK(here.packs() == 1);
  CHECK(here.texts() == 1);
  CHECK_FALSE(here.syncer->has_orphans());
}

TEST_CASE("a pack that cannot be made is tried again, and nothing goes before") {
  House here;
  here.append(2);
  // A file where the directory was, which nobody can make anew.
  const auto packs = here.journal->directory().packs();
  const auto aside = here.root / "aside";
  std::filesystem::rename(packs, aside);
  const auto in_the_way = runlog::OpenFile::open(packs, runlog::Access::write_emptied);
  auto outcome = here.round({.everything = true});
  REQUIRE(outcome);
  CHECK_FALSE(outcome->is_packed);
  CHECK_FALSE(here.told.empty());
  CHECK(std::filesystem::exists(here.journal->directory().segment(0)));
  {
    Turn turn(here.turns, Turn::Worker::caller, Turn::Clock::now());
    const auto now = Turn::Clock::now();
    CHECK(here.house->due(turn, now) <= now + 1s);
  }
  std::filesystem::remove(packs);
  std::filesystem::rename(aside, packs);
  outcome = here.round({.everything = true});
  REQUIRE(outcome);
  CHECK(outcome->is_packed);
  CHECK(here.texts() == 2);
}

TEST_CASE("the oldest pack that is not being sent makes room") {
  Housekeeping::Shipping shipping;
  shipping.unless_busy_with = [](std::uint32_t pack, const std::function<void()>& work) {
    if (pack != 0) work();  // that one is being sent
  };
  House here({.pack_bytes = kSegment_bytes,
              .overflow = runlog::Overflow::drop_oldest_packed,
              .shipping = shipping},
             8 * kSegment_bytes);
  std::uint64_t appended = 0;
  while (here.house->counts().evicted_calls == 0) {
    REQUIRE(appended < 1'000);
    here.append(10);
    appended += 10;
    REQUIRE(here.round({.everything = true}));
  }
  CHECK(std::filesystem::exists(here.journal->directory().pack(0)));
  const auto contents = test::read(here.root.path());
  const std::uint64_t evicted = here.house->counts().evicted_calls;
  CHECK(contents.of(Kind::text).size() + evicted == appended);
  CHECK(contents.dropped() == evicted);
}

TEST_CASE("the segment of the last words is not closed before all of them are in it") {
  House job({}, 2 * kSegment_bytes);
  // No room for anything else, also not when a segment goes.
  const auto filler = job.journal->directory().packs() / "filler.tmp";
  std::ofstream(filler) << std::string(16 * kSegment_bytes, 'x');
  REQUIRE(job.journal->pool().take() != nullptr);
  REQUIRE(job.journal->pool().take() == nullptr);
  job.journal->begin_end();
  job.journal->tell_drops_at_end(7);
  for (int round = 0; round < 3; ++round) job.round({.everything = true});
  runlog::format::Event end{.kind = Kind::status, .name = "complete"};
  end.time_ns = job.journal->now_ns();
  job.journal->end_event(end);
  CHECK(job.journal->dropped() == 0);
  for (int round = 0; round < 3; ++round) job.round({.everything = true, .end = true});
  const auto contents = test::read(job.root.path());
  CHECK(contents.of(Kind::status).size() == 1);
  REQUIRE(contents.of(Kind::gap).size() == 1);
  CHECK(contents.of(Kind::gap)[0].int_value == 7);
}
