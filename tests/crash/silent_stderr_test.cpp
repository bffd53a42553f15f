// Promise: the job never waits for who reads its stderr, gets no signal from what we say there, and
// what could not be said is counted.
#include <signal.h>

#include <fstream>
#include <sstream>

#include "runlog/runlog.hpp"
#include "support/books.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"

using test::Process;
using test::TemporaryDirectory;
using test::victim;

namespace {

struct Told {
  std::uint64_t first_calls = 0, second_calls = 0, dropped = 0, unwritten = 0;
};

Told run_job(const std::string& kind, const std::filesystem::path& root) {
  Process job({victim("silent_stderr"), kind, root});
  const std::string said = job.read_line();
  INFO(said);
  const auto exit = job.wait();
  CHECK(exit.signal == 0);
  CHECK(exit.code == 0);
  Told told;
  std::string word;
  std::istringstream words(said);
  words >> word >> told.first_calls >> told.second_calls >> word >> told.dropped >> word >>
      told.unwritten;
  CHECK(words);
  return told;
}

std::string content(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("a stderr that is full, stopped, gone or closed does not hold up or end the job") {
  for (const std::string kind : {"no_reader", "full", "full_locked", "full_socket", "closed_socket",
                                 "at_limit", "stopped", "closed", "taken"}) {
    INFO(kind);
    const TemporaryDirectory directory;
    const auto root = directory / "runs";
    const Told told = run_job(kind, root);
    CHECK(told.dropped > 0);
    CHECK(told.unwritten > 0);
    const auto contents = test::check_books(
        root, {.accounts = {{"loss/0", told.first_calls}, {"loss/1", told.second_calls}},
               .dropped = told.dropped});
    REQUIRE(contents.journals.size() == 1);
    CHECK(contents.journals[0].state == runlog::JournalState::complete);
    // A file of the job's that got the number is not ours to write to.
    if (kind == "taken") CHECK(content(directory / "runs.data").empty());
  }
}

TEST_CASE("a stderr that takes it gets the line") {
  const TemporaryDirectory directory;
  const Told told = run_job("open", directory / "runs");
  CHECK(told.dropped > 0);
  CHECK(told.unwritten == 0);
  const std::string log = directory / "log";
  std::ofstream(log) << "before\n";
  // With the job's own position in a file.
  const auto [exit, said] =
      test::run_command({"/bin/sh", "-c", "exec 2>>" + log + "; exec \"$0\" \"$@\"",
                         victim("silent_stderr"), "as_is", directory / "again"});
  CHECK(exit.code == 0);
  CHECK(content(log).starts_with("before\nrunlog: "));
}

TEST_CASE("a report that the job's own function throws at is counted") {
  const TemporaryDirectory directory;
  auto run = runlog::start_logging({.root = directory / "runs",
                                    .segment_bytes = 64u << 10,
                                    .disk_budget = 256u << 10,
                                    .on_error = [](const runlog::Error&) { throw 1; }});
  REQUIRE(run);
  auto metric = run->metric("loss");
  for (std::int64_t i = 0; i < 100'000'000 && run->stats().reports_unwritten == 0; ++i)
    for (int j = 0; j < 1000; ++j) metric.log(i, i);
  CHECK(run->stats().reports_unwritten > 0);
  run->complete();
}
