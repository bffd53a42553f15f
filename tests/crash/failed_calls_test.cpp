// Promises: a system call that fails loses nothing and stores nothing twice; and after a failed
// sync nothing is called Durable that is not on the disk by another way.
#include <algorithm>
#include <csignal>

#include "support/books.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"

using test::read;
using test::TemporaryDirectory;
using test::victim;

namespace {

using Failure = std::vector<std::string>;  // call, part of the path, first, count

test::Exit run_victim(const std::string& mode, const Failure& failure,
                      const std::filesystem::path& root, const std::string& store,
                      std::string& said) {
  std::vector<std::string> command = {victim("failing"), mode};
  command.insert(command.end(), failure.begin(), failure.end());
  auto [exit, output] = test::run_command(command, {{"RUNLOG_ROOT", root.native()},
                                                    {"RUNLOG_STORE", store},
                                                    {"RUNLOG_SHIP_INTERVAL", "100ms"},
                                                    {"RUNLOG_FINISH_DEADLINE", "20s"},
                                                    {"RUNLOG_SYNC_INTERVAL", "50ms"},
                                                    {"RUNLOG_SEGMENT_BYTES", "64KiB"},
                                                    {"RUNLOG_PACK_BYTES", "64KiB"}});
  said = std::move(output);
  return exit;
}

// The job and its recovery, and what is in the store then.
void check_job(const Failure& failure) {
  INFO(failure[0] << ' ' << failure[1] << ' ' << failure[2] << ' ' << failure[3]);
  const TemporaryDirectory base;
  const std::string store = (base / "store").native();
  std::string said;
  const auto exit = run_victim("job", failure, base / "runs", store, said);
  CHECK(exit.code == 0);
  CHECK_FALSE(said.starts_with("failed 0 "));
  CHECK(said.ends_with(" dropped 0\n"));
  const auto recovered =
      test::run_command({test::tool("runlog-recover"), (base / "runs").native()}).first;
  CHECK(recovered.code == 0);
  const auto contents = test::check_books(store, {.accounts = {{"loss", 30'000}}, .dropped = 0});
  CHECK(contents.journals.at(0).state == runlog::JournalState::complete);
}

}  // namespace

TEST_CASE("a packed segment that cannot be removed is in the store once") {
  for (const std::string first : {"1", "4"}) check_job({"unlink", ".seg", first, "1"});
  check_job({"unlink", ".seg", "2", "-1"});
}

TEST_CASE("a pack whose directory cannot be synced at once is shipped once") {
  for (const std::string first : {"1", "3"}) check_job({"fsync", "/packs", first, "1"});
  check_job({"fsync", "/packs", "2", "20"});
}

TEST_CASE("a directory of segments that cannot be synced does not keep records from the store") {
  for (const std::string first : {"1", "5"}) check_job({"fsync", "/lanes", first, "1"});
  check_job({"fsync", "/lanes", "1", "-1"});
}

TEST_CASE("a pack that cannot be synced is made anew") {
  check_job({"fdatasync", ".parquet.tmp", "1", "2"});
}

TEST_CASE("a sync that never returns holds up neither the job nor its end") {
  check_job({"hang", "", "1", "1"});
  check_job({"hang", "", "4", "1"});
}

TEST_CASE("after a failed sync Durable is what is in a pack") {
  for (const char* const count : {"1", "-1"}) {
    INFO(count);
    const TemporaryDirectory base;
    std::string said;
    CHECK(run_victim("durable", {"msync", "", "1", count}, base / "runs", "", said).signal ==
          SIGKILL);
    CHECK(said.starts_with("done failed "));
    CHECK(said != "done failed 0\n");
    // What a disk may have that did not take those pages: no segment. The job's first records were
    // durable before.
    for (const auto& entry : std::filesystem::recursive_directory_iterator(base / "runs")) {
      if (entry.path().extension() == ".seg") std::filesystem::remove(entry.path());
    }
    const auto steps = read(base / "runs").steps("loss");
    REQUIRE(steps.size() >= 1000);
    const auto all = test::counting(2000);
    CHECK(std::equal(all.end() - 1000, all.end(), steps.end() - 1000));
  }
}

TEST_CASE("what is neither synced nor packed is not Durable, and is there all the same") {
  const TemporaryDirectory base;
  std::string said;
  CHECK(run_victim("durable", {"sync", "", "1", "-1"}, base / "runs", "", said).signal == SIGKILL);
  CHECK(said.starts_with("not done failed "));
  CHECK((read(base / "runs").steps("loss") == test::counting(2000)));
}
