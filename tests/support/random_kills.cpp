#include "support/random_kills.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <random>

#include "support/catch.hpp"
#include "support/killed.hpp"
#include "support/process.hpp"

namespace test {
namespace {

constexpr unsigned kSeed = 20261122;
constexpr int kKills_per_shape = 12;
/// Where a writer ends by itself, should the test be too slow to kill it.
constexpr std::uint64_t kRecords_max = 100'000;

// How often a job was killed in the middle of its work, and not before it or after it.
struct Kills {
  int kills = 0;
  int in_the_middle = 0;
};

void kill_one(int threads, const std::string& pace, const std::string& extra, int round,
              std::mt19937& random, Kills& so_far) {
  TemporaryDirectory root;
  TemporaryDirectory store;
  TemporaryDirectory scratch;
  const std::string notes = scratch / "acknowledged";
  const Acknowledged* const acknowledged = map_acknowledged(notes);
  REQUIRE(acknowledged != nullptr);
  // Small segments and short intervals, so that an instant may fall into any of the keeper's work.
  const bool ships = round % 2 == 0;
  std::vector<std::pair<std::string, std::string>> environment = {
      {"RUNLOG_SEGMENT_BYTES", "65536"},
      {"RUNLOG_PACK_BYTES", "65536"},
      {"RUNLOG_SYNC_INTERVAL", "10ms"},
      {"RUNLOG_SHIP_INTERVAL", "100ms"}};
  if (ships) environment.emplace_back("RUNLOG_STORE", store.path());
  Process job({victim("killable"), root.path(), notes, std::to_string(threads), pace, extra,
               std::to_string(kRecords_max)},
              environment);
  // The instant: when so many records are there; in every sixth round a while after the start.
  const std::uint64_t until = round % 6 == 5 ? 0 : random() % (pace == "tight" ? 20'000 : 100);
  const std::uint64_t looks = until == 0 ? random() % 20'000 : UINT64_MAX;
  for (std::uint64_t i = 0; i < looks && acknowledged->total() <= until; ++i) {
    ::sched_yield();
    if (i % 1024 == 0 && !job.is_running()) break;
  }
  job.kill(SIGKILL);
  REQUIRE(job.wait().signal == SIGKILL);
  // The forked children die with it; they are ours to wait for now (main's subreaper).
  while (::waitpid(-1, nullptr, 0) > 0) {
  }
  ++so_far.kills;
  so_far.in_the_middle += acknowledged->total() > 0 ? 1 : 0;
  if (ships) {
    const auto recovered =
        run_command({tool("runlog-recover"), root.path(), "--store", store.path(), "-q"});
    CHECK(recovered.first.code == 0);
    CHECK(problem_with(read(store.path()), *acknowledged, store.path()) == "");
  } else {
    CHECK(problem_with(read(root.path()), *acknowledged, root.path()) == "");
  }
}

}  // namespace

void kill_at_random_instants(const std::string& extra) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  std::mt19937 random(kSeed);
  Kills so_far;
  for (const int threads : {1, 2, 4}) {
    for (const std::string pace : {"tight", "paced"}) {
      for (int round = 0; round < kKills_per_shape; ++round) {
        INFO("seed " << kSeed << ", " << threads << " threads, " << pace << ", " << extra
                     << ", round " << round);
        kill_one(threads, pace, extra, round, random, so_far);
      }
    }
  }
  CHECK(so_far.kills == 6 * kKills_per_shape);
  CHECK(so_far.in_the_middle >= so_far.kills * 2 / 3);
}

}  // namespace test
