// Promise: a crash during shipping, recover killed half-way, two recovers at once: nothing is lost,
// and every record is in the store exactly once.
#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <random>

#include "support/books.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/killed.hpp"
#include "support/process.hpp"

using test::Process;
using test::read;
using test::TemporaryDirectory;
using test::tool;
using test::victim;

namespace {

#if defined(RUNLOG_CRASH_POINTS)
const std::vector<std::string> kCrash_points = {"before_pack_rename", "after_pack_rename",
                                                "after_segments_removed", "in_put", "after_put"};
#endif

std::vector<std::string> recover_command(const TemporaryDirectory& root,
                                         const TemporaryDirectory& store) {
  return {tool("runlog-recover"), root.path(), "--store", store.path(), "-q"};
}

// What `everything` logs: started, 2 params, 1 tag, 100 losses, a text, a list.
void check_whole(const std::filesystem::path& store, bool has_end) {
  (void)test::check_books(
      store, {.accounts = {{"train/loss", 100}}, .others = has_end ? 7u : 6u, .dropped = 0});
}

[[maybe_unused]] bool is_empty_of_packs(const std::filesystem::path& root) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    const std::string parent = entry.path().parent_path().filename();
    if ((parent == "packs" || parent == "lanes" || parent == "blobs") && entry.is_regular_file())
      return false;
  }
  return true;
}

}  // namespace

#if defined(RUNLOG_CRASH_POINTS)
TEST_CASE(
    "the job killed at any point of shipping: recover brings the store to exactly the records") {
  for (const std::string& point : kCrash_points) {
    INFO("killed at " << point);
    TemporaryDirectory root;
    TemporaryDirectory store;
    const auto [exit, output] =
        test::run_command({victim("writer"), "everything", root.path(), "complete"},
                          {{"RUNLOG_STORE", store.path()}, {"RUNLOG_CRASH_AT", point}});
    REQUIRE(exit.signal == SIGKILL);
    for (int times = 0; times < 2; ++times) {
      CHECK(test::run_command(recover_command(root, store)).first.code == 0);
      check_whole(store.path(), true);
      CHECK(is_empty_of_packs(root.path()));
    }
    CHECK(read(store.path()).journals.at(0).state == runlog::JournalState::complete);
  }
}

TEST_CASE("a pack is not shipped before its segments are gone, whatever else is") {
  TemporaryDirectory root;
  TemporaryDirectory place;
  const std::filesystem::path store = place / "store";
  test::run_command({victim("writer"), "everything", root.path(), "kill"},
                    {{"RUNLOG_STORE", store}, {"RUNLOG_RUN_ID", "job"}});
  std::ofstream(store) << "a file where the store's directory should be";
  // Packed here, so that the job makes no packs but its own.
  CHECK(test::run_command({tool("runlog-recover"), root.path(), "-q"}).first.code == 4);
  const std::filesystem::path dead = read(root.path()).journals.at(0).path;
  TemporaryDirectory scratch;
  const std::string notes = scratch / "acknowledged";
  const test::Acknowledged* const acknowledged = test::map_acknowledged(notes);
  REQUIRE(acknowledged != nullptr);
  Process job({victim("killable"), root.path(), notes, "1", "paced", "plain", "100000"},
              {{"RUNLOG_STORE", store},
               {"RUNLOG_RUN_ID", "job"},
               {"RUNLOG_SHIP_INTERVAL", "100ms"},
               {"RUNLOG_HANG_AT", "after_pack_rename:2"}});
  // The first pack waits for the store. The second is there when the keeper stops for good.
  const auto wait_for_packs = [](const std::filesystem::path& below, std::size_t wanted) {
    std::size_t found = 0;
    for (int attempt = 0; attempt < 600 && found < wanted; ++attempt) {
      ::usleep(50'000);
      if (std::filesystem::exists(below)) found = test::packs_below(below).size();
    }
    REQUIRE(found == wanted);
  };
  wait_for_packs(root.path() / "job", 3);
  std::filesystem::remove(store);
  // A dead journal's turn comes after one's own packs, so the shipper has been through them.
  wait_for_packs(dead / "shipped", 1);
  CHECK(test::packs_below(store).size() == 2);
  job.kill(SIGKILL);
  job.wait();
  CHECK(test::run_command({tool("runlog-recover"), root.path(), "-q"}).first.code == 0);
  CHECK(test::problem_with(read(store), *acknowledged, store) == "");
}

TEST_CASE("recover killed at any point: the next one brings the store to exactly the records") {
  for (const std::string& point : kCrash_points) {
    INFO("recover killed at " << point);
    TemporaryDirectory root;
    TemporaryDirectory store;
    test::run_command({victim("writer"), "everything", root.path(), "kill"});
    const auto killed =
        test::run_command(recover_command(root, store), {{"RUNLOG_CRASH_AT", point}});
    REQUIRE(killed.first.signal == SIGKILL);
    CHECK(test::run_command(recover_command(root, store)).first.code == 0);
    check_whole(store.path(), false);
    CHECK(is_empty_of_packs(root.path()));
    CHECK(read(store.path()).journals.at(0).state == runlog::JournalState::crashed);
  }
}
#endif

TEST_CASE("four recovers at once ship every record once") {
  TemporaryDirectory root;
  TemporaryDirectory store;
  for (int i = 0; i < 3; ++i)
    test::run_command({victim("writer"), "everything", root.path(), "kill"});
  std::vector<std::unique_ptr<Process>> recovers;
  for (int i = 0; i < 4; ++i)
    recovers.push_back(std::make_unique<Process>(recover_command(root, store)));
  for (auto& one : recovers) {
    one->close_input();
    CHECK(one->wait().signal == 0);
  }
  CHECK(test::run_command(recover_command(root, store)).first.code == 0);
  const auto contents = read(store.path());
  CHECK(contents.steps("train/loss").size() == 300);
  CHECK(contents.is_free_of_duplicates());
  CHECK(contents.journals.size() == 3);
}

TEST_CASE("SIGKILL at random points with shipping on, then recover: all of it, once each") {
  const unsigned seed = 20261122;
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 12; ++round) {
    TemporaryDirectory root;
    TemporaryDirectory store;
    Process job({victim("writer"), "forever", root.path(), "1000"},
                {{"RUNLOG_STORE", store.path()},
                 {"RUNLOG_SHIP_INTERVAL", "100ms"},
                 {"RUNLOG_SEGMENT_BYTES", "65536"},
                 {"RUNLOG_PACK_BYTES", "65536"}});
    const auto lines = static_cast<unsigned>(10 + random() % 300);
    std::string line;
    for (unsigned i = 0; i < lines; ++i) line = job.read_until("logged ");
    job.kill(SIGKILL);
    job.wait();
    const std::int64_t last = std::stoll(line.substr(7));
    CHECK(test::run_command(recover_command(root, store)).first.code == 0);
    const auto contents = read(store.path());
    const auto steps = contents.steps("train/loss");
    REQUIRE(static_cast<std::int64_t>(steps.size()) > last);
    CHECK(steps == test::counting(static_cast<std::int64_t>(steps.size())));
    CHECK(contents.is_free_of_duplicates());
    CHECK(contents.damage.empty());
  }
}

TEST_CASE("a store that is down: the job leaves at its deadline, recover ships later") {
  TemporaryDirectory root;
  TemporaryDirectory place;
  const std::filesystem::path store = place / "store";
  std::ofstream(store) << "a file where the store's directory should be";
  const auto [exit, output] =
      test::run_command({victim("writer"), "everything", root.path(), "complete"},
                        {{"RUNLOG_STORE", store}, {"RUNLOG_FINISH_DEADLINE", "300ms"}});
  CHECK(exit.code == 0);
  CHECK(read(root.path()).steps("train/loss") == test::counting(100));
  CHECK(test::run_command({tool("runlog-recover"), root.path(), "-q"}).first.code == 4);
  std::filesystem::remove(store);
  CHECK(test::run_command({tool("runlog-recover"), root.path(), "-q"}).first.code == 0);
  check_whole(store, true);
}

TEST_CASE("an object with other bytes is never overwritten, and what conflicts stays here") {
  TemporaryDirectory root;
  TemporaryDirectory store;
  test::run_command({victim("writer"), "everything", root.path(), "kill"},
                    {{"RUNLOG_RUN_ID", "taken"}});
  const auto journal = read(root.path()).journals.at(0);
  const std::filesystem::path object = store.path() / "project=default/run_id=taken/rank=00000" /
                                       (journal.session + "-00000000.parquet");
  std::filesystem::create_directories(object.parent_path());
  std::ofstream(object) << "somebody else's bytes";
  CHECK(test::run_command(recover_command(root, store)).first.code == 4);
  std::ifstream check(object);
  std::string text;
  std::getline(check, text);
  CHECK(text == "somebody else's bytes");
  CHECK(read(root.path()).steps("train/loss") == test::counting(100));
  std::filesystem::remove(object);
  CHECK(test::run_command(recover_command(root, store)).first.code == 0);
  check_whole(store.path(), false);
}

TEST_CASE("the next start ships what a predecessor left") {
  TemporaryDirectory root;
  TemporaryDirectory store;
  const std::vector<std::pair<std::string, std::string>> environment = {
      {"RUNLOG_STORE", store.path()},
      {"RUNLOG_RUN_ID", "job-7"},
      {"RUNLOG_SHIP_INTERVAL", "100ms"}};
  test::run_command({victim("writer"), "everything", root.path(), "kill"}, environment);
  Process next({victim("writer"), "everything", root.path(), "wait"}, environment);
  next.read_until("logged");
  bool arrived = false;
  for (int attempt = 0; attempt < 600 && !arrived; ++attempt) {
    ::usleep(50'000);
    arrived = read(store.path()).steps("train/loss").size() == 200;
  }
  CHECK(arrived);
  next.write("x");
  CHECK(next.wait().code == 0);
  const auto contents = read(store.path());
  REQUIRE(contents.journals.size() == 2);
  CHECK(contents.journals[0].attempt == 1);
  CHECK(contents.journals[1].attempt == 2);
  CHECK(contents.is_free_of_duplicates());
}
