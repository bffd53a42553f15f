// Promise: exception, abort, segfault, SIGKILL, OOM kill lose nothing whose call had returned.
#include <signal.h>

#include "support/books.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"

using test::Process;
using test::read;
using test::TemporaryDirectory;
using test::victim;

namespace {

// What the victim's mode `everything` logs.
test::Contents check_all(const std::filesystem::path& root) {
  return test::check_books(root, {.accounts = {{"train/loss", 100}}, .dropped = 0});
}

}  // namespace

TEST_CASE("SIGKILL loses nothing whose call had returned") {
  for (const int kill_after : {1, 100, 5000}) {
    TemporaryDirectory root;
    Process job({victim("writer"), "forever", root.path()});
    std::string line;
    for (int i = 0; i < kill_after; ++i) line = job.read_until("logged ");
    job.kill(SIGKILL);
    CHECK(job.wait().signal == SIGKILL);
    // What it had said before it died counts too.
    std::int64_t last = std::stoll(line.substr(7));
    for (std::string more = job.read_line(); more.starts_with("logged "); more = job.read_line()) {
      if (more.size() > 7) last = std::stoll(more.substr(7));
    }
    const auto contents = test::check_books(
        root.path(), {.accounts = {{"train/loss", static_cast<std::uint64_t>(last) + 1}},
                      .is_killed = true,
                      .dropped = 0});
    CHECK(contents.journals.at(0).state == runlog::JournalState::crashed);
  }
}

TEST_CASE("SIGKILL in a tight loop of many segments loses nothing") {
  TemporaryDirectory root;
  Process job({victim("writer"), "forever", root.path(), "100000"},
              {{"RUNLOG_SEGMENT_BYTES", "262144"}, {"RUNLOG_SHIP_INTERVAL", "100ms"}});
  std::string line;
  for (int i = 0; i < 20; ++i) line = job.read_until("logged ");
  job.kill(SIGKILL);
  job.wait();
  const std::int64_t last = std::stoll(line.substr(7));
  const auto contents = read(root.path());
  const auto steps = contents.steps("train/loss");
  REQUIRE(static_cast<std::int64_t>(steps.size()) > last);
  CHECK(steps == test::counting(static_cast<std::int64_t>(steps.size())));
  CHECK(contents.damage.empty());
  CHECK(contents.is_free_of_duplicates());
}

TEST_CASE("SIGKILL loses no metric of a row or of a step scope") {
  for (const auto& [every, kill_after] : {std::pair{"1", 500}, std::pair{"1000", 20}}) {
    TemporaryDirectory root;
    Process job({victim("writer"), "rows", root.path(), every},
                {{"RUNLOG_SEGMENT_BYTES", "262144"}, {"RUNLOG_SHIP_INTERVAL", "100ms"}});
    std::string line;
    for (int i = 0; i < kill_after; ++i) line = job.read_until("logged ");
    job.kill(SIGKILL);
    job.wait();
    const auto last = std::stoull(line.substr(7));
    const auto contents = read(root.path());
    CHECK(contents.damage.empty());
    CHECK(contents.is_free_of_duplicates());
    std::map<std::string, std::vector<std::int64_t>> steps;
    std::map<std::pair<char, std::int64_t>, std::int64_t> times;  // of a row, of a step scope
    bool have_one_time = true;
    for (const test::Row& row : contents.of(runlog::Kind::metric)) {
      steps[row.name].push_back(*row.step);
      const auto [time, is_new] = times.try_emplace({row.name[0], *row.step}, row.time_ns);
      have_one_time = have_one_time && time->second == row.time_ns;
    }
    CHECK(have_one_time);
    REQUIRE(steps.size() == 16);
    for (const auto& [name, of_series] : steps) {
      INFO(name);
      REQUIRE(of_series.size() > last);
      CHECK(of_series == test::counting(static_cast<std::int64_t>(of_series.size())));
    }
  }
}

TEST_CASE("SIGKILL loses nothing of any thread") {
  TemporaryDirectory root;
  Process job({victim("writer"), "threads", root.path()});
  std::map<std::string, std::int64_t> last;
  for (int i = 0; i < 200; ++i) {
    const std::string line = job.read_until("logged ");
    last["thread/" + line.substr(7, 1)] = std::stoll(line.substr(9));
  }
  job.kill(SIGKILL);
  job.wait();
  const auto contents = read(root.path());
  CHECK(contents.damage.empty());
  CHECK(contents.is_free_of_duplicates());
  for (const auto& [name, step] : last) {
    const auto steps = contents.steps(name);
    CHECK(static_cast<std::int64_t>(steps.size()) > step);
    CHECK(steps == test::counting(static_cast<std::int64_t>(steps.size())));
  }
}

TEST_CASE("a job that dies of its own fault keeps its records and leaves the reason") {
  struct Death {
    std::string how;
    int signal;
    std::string reason;
  };
  for (const Death& death :
       {Death{"segv", SIGSEGV, "SIGSEGV at address 0x0"}, Death{"abort", SIGABRT, "SIGABRT"},
        Death{"throw", SIGABRT, "SIGABRT: int"}, Death{"kill", SIGKILL, ""}}) {
    TemporaryDirectory root;
    const auto [exit, output] =
        test::run_command({victim("writer"), "everything", root.path(), death.how});
    CHECK(exit.signal == death.signal);
    CHECK(output == "logged 99\n");
    const auto contents = check_all(root.path());
    CHECK(contents.of(runlog::Kind::text).size() == 1);
    CHECK(contents.of(runlog::Kind::param).size() == 2);
    const auto& journal = contents.journals.at(0);
    CHECK(journal.state == runlog::JournalState::crashed);
    CHECK(journal.end_reason == death.reason);
  }
}

TEST_CASE("exit without complete() keeps everything") {
  TemporaryDirectory root;
  const auto [exit, output] =
      test::run_command({victim("writer"), "everything", root.path(), "exit"});
  CHECK(exit.code == 0);
  (void)check_all(root.path());
}

TEST_CASE("a run that ends says how") {
  for (const auto& [how, state, reason] :
       {std::tuple{"complete", runlog::JournalState::complete, ""},
        std::tuple{"fail", runlog::JournalState::failed, "OutOfMemory: CUDA out of memory"},
        std::tuple{"cancel", runlog::JournalState::cancelled, ""}}) {
    TemporaryDirectory root;
    test::run_command({victim("writer"), "everything", root.path(), how});
    const auto contents = check_all(root.path());
    CHECK(contents.journals.at(0).state == state);
    CHECK(contents.journals.at(0).end_reason == reason);
  }
}

TEST_CASE("SIGTERM is passed on and named") {
  TemporaryDirectory root;
  Process job({victim("writer"), "everything", root.path(), "wait"});
  job.read_until("logged");
  job.kill(SIGTERM);
  CHECK(job.wait().signal == SIGTERM);
  const auto contents = check_all(root.path());
  CHECK(contents.journals.at(0).end_reason.starts_with("SIGTERM"));
}

TEST_CASE("exec leaks no descriptor") {
  TemporaryDirectory root;
  const auto [exit, output] = test::run_command({victim("writer"), "descriptors", root.path()});
  CHECK(output == "checked\n");
}
