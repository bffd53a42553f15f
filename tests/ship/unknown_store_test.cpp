// Promise: a journal that cannot say where it ships to is not taken for one that ships nowhere: it
// waits, whole, and recovery says why.
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "journal/journal_dir.hpp"
#include "journal/meta.hpp"
#include "platform/file_system.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"
#include "support/waiting_journal.hpp"

namespace fs = std::filesystem;

namespace {

constexpr int kWaits = 4;  // exit status of runlog-recover

}  // namespace

TEST_CASE("a journal whose meta.json cannot be read waits until somebody says where it ships to") {
  for (const std::string how : {"emptied", "halved", "binary", "removed"}) {
    INFO(how);
    const test::Waiting waiting;
    const fs::path meta = waiting.journal / "meta.json";
    if (how == "binary") {
      std::ofstream(meta, std::ios::binary) << std::string(300, '\x81');
    } else {
      test::kDamages.at(how)(meta);
    }
    const auto outcomes = runlog::recover(waiting.directory / "runs", {});
    REQUIRE(outcomes);
    CHECK(outcomes->front().verdict == runlog::RecoverOutcome::Verdict::waiting);
    CHECK(outcomes->front().message.find(meta.native()) != std::string::npos);
    CHECK(test::packs_below(waiting.journal / "packs").size() == waiting.packs.size());
    const std::vector<std::string> command = {test::tool("runlog-recover"), "-q",
                                              waiting.directory / "runs"};
    CHECK(test::run_command(command).first.code == kWaits);
    if (how == "emptied") {  // there is no store
      std::ofstream(meta) << "{}";
      CHECK(test::run_command(command).first.code == 0);
    } else {
      CHECK(waiting.recover().verdict == runlog::RecoverOutcome::Verdict::shipped);
      CHECK(test::read(waiting.store()).rows.size() == waiting.rows);
      CHECK(test::run_command(command).first.code == 0);
    }
  }
}

#if defined(RUNLOG_CRASH_POINTS)
TEST_CASE("a journal says where it ships to before it has its name") {
  const test::TemporaryDirectory root;
  const auto [exit, output] = test::run_command(
      {test::victim("writer"), "everything", root.path(), "kill"},
      {{"RUNLOG_STORE", "file:///nowhere/store"}, {"RUNLOG_CRASH_AT", "before_journal_rename"}});
  REQUIRE(exit.signal == SIGKILL);
  std::size_t found = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root.path())) {
    if (entry.path().filename() != "meta.json") continue;
    const auto json = runlog::read_file(entry.path(), runlog::kMeta_bytes_max);
    REQUIRE(json);
    CHECK(runlog::parse_meta(*json, "meta.json").value().store_url == "file:///nowhere/store");
    ++found;
  }
  CHECK(found == 1);
}
#endif
