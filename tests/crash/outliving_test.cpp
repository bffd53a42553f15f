// Promise: what a child without a journal drops is told though it outlives its parent: by whoever
// recovers the parent's journal, at the next recovery, and by readers before.
#include <signal.h>

#include <cstdint>
#include <string>
#include <utility>

#include "support/acknowledged.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"

namespace {

constexpr int kLost = 3;
constexpr std::uint64_t kParents = 10;
constexpr std::uint64_t kAtOnce = 100;

// The parent has ended as `how` says, and its child has dropped 100 calls before and 100 after.
struct Orphaned {
  explicit Orphaned(const std::string& how)
      : job({test::victim("forking"), "outlives", (root / "runs").native(),
             (root / "tally").native(), how}) {
    job.read_until("dropped");
    CHECK(job.wait().signal == (how == "killed" ? SIGKILL : 0));
  }
  void drop_more() {
    job.write("x");
    job.read_until("dropped");
  }
  [[nodiscard]] int recover(const std::string& killed_at = "nowhere") const {
    return test::run_command({test::tool("runlog-recover"), root / "runs", "-q"},
                             {{"RUNLOG_CRASH_AT", killed_at}})
        .first.code;
  }
  void check(std::uint64_t times) const {
    const auto contents = test::read(root / "runs");
    CHECK(contents.journals.size() == 1);
    CHECK(contents.steps(test::slot_name(0)).size() == kParents);
    CHECK(contents.dropped() == times * kAtOnce);
    CHECK(contents.damage.empty());
    CHECK(contents.is_free_of_duplicates());
  }

  test::TemporaryDirectory root;
  test::Process job;
};

}  // namespace

TEST_CASE("what a child drops after its parent's end, or its recovery, is told each time, once") {
  for (const std::string how : {"killed", "complete"}) {
    INFO(how);
    Orphaned orphaned(how);
    orphaned.check(2);
    CHECK(orphaned.recover() == kLost);
    orphaned.check(2);
    CHECK(orphaned.recover() == 0);
    for (const std::uint64_t times : {3u, 4u}) {
      orphaned.drop_more();
      orphaned.check(times);
      CHECK(orphaned.recover() == kLost);
      orphaned.check(times);
      CHECK(orphaned.recover() == 0);
    }
  }
}

#if defined(RUNLOG_CRASH_POINTS)
TEST_CASE("what a child drops while a recovery is killed over its calls is told once") {
  for (const std::string point : {"before_pack_rename:1", "after_pack_rename:1", "before_forget",
                                  "in_forget", "after_forget"}) {
    INFO(point);
    Orphaned orphaned("killed");
    CHECK(orphaned.recover(point) == -1);
    orphaned.check(2);
    orphaned.drop_more();
    orphaned.check(3);
    CHECK(orphaned.recover(point) == -1);
    orphaned.drop_more();
    orphaned.check(4);
    CHECK(orphaned.recover() == kLost);
    orphaned.check(4);
    CHECK(orphaned.recover() == 0);
  }
}
#endif
