// Promise: a moment without memory ends nothing. No exception leaves a thread or a call of ours,
// what was to be done is done later, and each call is in the data or told as dropped.
#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <tuple>

#include "runlog/runlog.hpp"
#include "support/books.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"

using test::TemporaryDirectory;
using test::victim;

namespace {

long allocations_in(const std::string& output) {
  const auto at = output.find("allocations ");
  REQUIRE(at != std::string::npos);
  return std::atol(output.c_str() + at + 12);
}

struct Outcome {
  test::Exit exit;
  std::string output;
  std::string problem;
};

Outcome run_without_memory(const std::string& mode, const TemporaryDirectory& place, long nth,
                           long length) {
  const auto root = place / "runs";
  const auto store = place / "runs.store";
  std::filesystem::remove_all(root);
  std::filesystem::remove_all(store);
  Outcome outcome;
  std::tie(outcome.exit, outcome.output) = test::run_command(
      {victim("no_memory"), mode, root.native(), std::to_string(nth), std::to_string(length)});
  if (outcome.exit.code != 0 || outcome.output.starts_with("error")) return outcome;
  // What is not in the store yet is brought there, as by the next start.
  const auto recovered = runlog::recover(root, {.retries = false});
  REQUIRE(recovered);
  std::uint64_t dropped = 0;
  std::uint64_t others = 0;
  std::uint64_t calls = 0;
  REQUIRE(std::sscanf(outcome.output.c_str(), "calls %lu dropped %lu others %lu", &calls, &dropped,
                      &others) == 3);
  outcome.problem = test::problem_with_books(
      test::read(store),
      {.accounts = {{"train/loss", calls}}, .others = others, .dropped = dropped});
  return outcome;
}

// At kPlaces places of a run, evenly, memory is missing for `length` allocations; the last place is
// the `last`th allocation, or the last of the run.
constexpr long kPlaces = 8;
void check_places(const std::string& mode, long length, long last = 1L << 40) {
  const TemporaryDirectory place;
  const long all = allocations_in(run_without_memory(mode, place, 1L << 40, 1).output);
  REQUIRE(all > 100);
  const long stride = std::min(all, last) / kPlaces;
  for (long nth = 1; nth <= std::min(all + stride, last); nth += stride) {
    const Outcome outcome = run_without_memory(mode, place, nth, length);
    INFO(mode << ": " << length << " from " << nth << " of " << all << ": " << outcome.output);
    REQUIRE(outcome.exit.signal == 0);
    REQUIRE(outcome.exit.code == 0);
    CHECK(outcome.problem == "");
  }
}

}  // namespace

TEST_CASE("one allocation that fails, anywhere in a run, ends nothing and loses nothing") {
  check_places("log", 1);
}

TEST_CASE("a while without memory, from anywhere in a run on, ends nothing") {
  check_places("log", 40);
}

TEST_CASE("no memory from some place of a run on, for ever: the job ends by itself") {
  check_places("log", -1);
}

TEST_CASE("no memory while a run starts: it starts, or an error says so") {
  check_places("start", 1, 600);
}

TEST_CASE("an address space that is used up for a while: the job lives, and drops are counted") {
  const TemporaryDirectory root;
  const auto [exit, output] =
      test::run_command({victim("no_memory"), "address_space", root.path().native()});
  CHECK(exit.signal == 0);
  REQUIRE(exit.code == 0);
  test::check_tally(root.path(), test::parse_tally(output));
}

TEST_CASE("no memory while a dead job is read and recovered: an error, and nothing is lost") {
  const TemporaryDirectory place;
  const auto crashed = place / "crashed";
  test::Process job(
      {victim("writer"), "forever", crashed.native(), "1000"},
      {{"RUNLOG_SEGMENT_BYTES", "64KiB"}, {"RUNLOG_STORE", (place / "store").native()}});
  REQUIRE(job.read_until("logged 20000") == "logged 20000");
  job.kill(SIGKILL);
  (void)job.wait();
  const auto count = [](const auto& path) { return test::read(path).steps("train/loss").size(); };
  const std::size_t logged = count(crashed);
  const auto root = place / "runs";
  const auto run = [&](long nth, long length) {
    std::filesystem::remove_all(root);
    std::filesystem::remove_all(place / "store");
    std::filesystem::copy(crashed, root, std::filesystem::copy_options::recursive);
    return test::run_command({victim("no_memory"), "recover", root.native(), std::to_string(nth),
                              std::to_string(length)});
  };
  const long all = allocations_in(run(1L << 40, 1).second);
  for (long nth = 1; nth < all; nth += all / 6 + 1) {
    for (const long length : {1L, 50L, -1L}) {
      const auto [exit, output] = run(nth, length);
      INFO(length << " from " << nth << " of " << all << ": " << output);
      REQUIRE(exit.signal == 0);
      REQUIRE(exit.code == 0);
      REQUIRE(runlog::recover(root, {.retries = false}));
      const auto contents = test::read(place / "store");
      CHECK(contents.steps("train/loss").size() == logged);
      CHECK(contents.damage.empty());
      CHECK(contents.is_free_of_duplicates());
    }
  }
}
