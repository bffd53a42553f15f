// Promise: RUNLOG_RESUME is decided by one step for each rank of a run, and a start that fails, or
// is killed, leaves nothing that refuses the next.
#include <signal.h>

#include <map>
#include <memory>

#include "runlog/reader.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"

using test::Process;
using test::TemporaryDirectory;
using test::victim;

namespace {

using Environment = std::vector<std::pair<std::string, std::string>>;

Environment never(int rank = 0) {
  return {
      {"RUNLOG_RUN_ID", "x"}, {"RUNLOG_RESUME", "never"}, {"RUNLOG_RANK", std::to_string(rank)}};
}

std::unique_ptr<Process> starter(const TemporaryDirectory& root, const Environment& environment,
                                 const std::string& trouble = "") {
  std::vector<std::string> command = {victim("starter"), root.path()};
  if (!trouble.empty()) command.push_back(trouble);
  auto process = std::make_unique<Process>(command, environment);
  REQUIRE(process->read_line() == "ready");
  return process;
}

std::string start(Process& process) {
  process.write("x");
  return process.read_line();
}

// Everything below the root, hidden or not.
std::vector<std::string> left_in(const std::filesystem::path& root) {
  std::vector<std::string> left;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root))
    left.push_back(entry.path());
  return left;
}

bool has_crash_points() {
#if defined(RUNLOG_CRASH_POINTS)
  return true;
#else
  return false;
#endif
}

}  // namespace

TEST_CASE(
    "of eight processes that start one rank at once exactly one does, and all of eight ranks") {
  for (int round = 0; round < 3; ++round) {
    for (const bool are_twins : {true, false}) {
      const TemporaryDirectory root;
      std::vector<std::unique_ptr<Process>> jobs;
      for (int i = 0; i < 8; ++i) jobs.push_back(starter(root, never(are_twins ? 0 : i)));
      for (auto& job : jobs) job->write("x");
      int started = 0;
      for (auto& job : jobs) {
        const std::string said = job->read_line();
        if (said.starts_with("started")) {
          ++started;
        } else {
          CHECK(said.starts_with("refused already_exists "));
        }
      }
      CHECK(started == (are_twins ? 1 : 8));
      for (auto& job : jobs) {
        job->close_input();
        job->wait();
      }
      // Nothing of the step itself remains.
      const auto journals = runlog::list_journals(root.path());
      REQUIRE(journals);
      CHECK(journals->size() == static_cast<std::size_t>(started));
      for (const auto& entry : std::filesystem::directory_iterator(root / "x"))
        CHECK_FALSE(entry.path().filename().native().starts_with("."));
    }
  }
}

TEST_CASE("never and must: what counts as a journal of this run") {
  const TemporaryDirectory root;
  Environment must = never();
  must[1].second = "must";
  CHECK(start(*starter(root, must)).starts_with("refused not_found "));
  CHECK(left_in(root.path()).empty());
  {
    auto first = starter(root, never());
    REQUIRE(start(*first).starts_with("started"));
    CHECK(start(*starter(root, never())).starts_with("refused already_exists "));
    // Another rank does not count for `never`, and does for `must`: worlds may grow.
    must[2].second = "1";
    auto other = starter(root, never(1));
    CHECK(start(*other).starts_with("started"));
    must[2].second = "7";
    auto grown = starter(root, must);
    CHECK(start(*grown).starts_with("started"));
    first->kill(SIGKILL);
    first->wait();
    for (auto* one : {&other, &grown}) {
      (*one)->close_input();
      (*one)->wait();
    }
  }
  CHECK(start(*starter(root, never())).starts_with("refused already_exists "));  // killed: there
}

TEST_CASE("a start that fails leaves nothing, and the next one starts") {
  for (const std::string trouble : {"no_space", "no_thread"}) {
    for (const std::string resume : {"never", "allow"}) {
      INFO(trouble << ' ' << resume);
      const TemporaryDirectory root;
      Environment environment = never();
      environment[1].second = resume;
      auto failing = starter(root, environment, trouble);
      CHECK(start(*failing).starts_with("refused "));
      CHECK(failing->wait().code == 1);
      CHECK(left_in(root.path()).empty());
      auto next = starter(root, environment);
      CHECK(start(*next).starts_with("started"));
    }
  }
}

TEST_CASE("of eight twins one of which fails, exactly one starts") {
  const TemporaryDirectory root;
  std::vector<std::unique_ptr<Process>> jobs;
  for (int i = 0; i < 8; ++i) jobs.push_back(starter(root, never(), i < 4 ? "no_space" : ""));
  for (auto& job : jobs) job->write("x");
  int started = 0;
  for (auto& job : jobs) started += job->read_line().starts_with("started") ? 1 : 0;
  CHECK(started == 1);
}

TEST_CASE("a start that was killed at any point of the step does not refuse the next one") {
  if (!has_crash_points()) return;
  for (const std::string point :
       {"in_start_claim", "before_journal_rename", "after_journal_rename"}) {
    INFO(point);
    const TemporaryDirectory root;
    Environment environment = never();
    environment.emplace_back("RUNLOG_CRASH_AT", point);
    auto killed = starter(root, environment);
    killed->write("x");
    CHECK(killed->wait().signal == SIGKILL);
    auto next = starter(root, never());
    CHECK(start(*next).starts_with("started"));
    CHECK(start(*starter(root, never())).starts_with("refused already_exists "));
  }
  // Killed while it undoes what it made.
  const TemporaryDirectory root;
  Environment environment = never();
  environment.emplace_back("RUNLOG_CRASH_AT", "in_discard");
  auto killed = starter(root, environment, "no_thread");
  killed->write("x");
  CHECK(killed->wait().signal == SIGKILL);
  const auto journals = runlog::list_journals(root.path());
  CHECK((!journals || journals->empty()));  // none that looks crashed
  auto next = starter(root, never());
  CHECK(start(*next).starts_with("started"));
}
