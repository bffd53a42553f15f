// A root on a network file system: refused, unless the user says that it is wanted; and journals of
// other hosts there are not taken for dead.
#include <chrono>
#include <thread>

#include "platform/file_system.hpp"
#include "platform/process.hpp"
#include "recover/adopt.hpp"
#include "run/run_core.hpp"
#include "runlog/runlog.hpp"
#include "store/store_set.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"

using namespace std::chrono_literals;
using runlog::Errc;
using runlog::FileSystemKind;
using runlog::RecoverOutcome;
using runlog::RunCore;
using test::TemporaryDirectory;

namespace {

FileSystemKind nfs(const std::filesystem::path&) {
  return runlog::file_system_kind(0x6969);
}
FileSystemKind fuse(const std::filesystem::path&) {
  return runlog::file_system_kind(0x65735546);
}

// The journal of a writer that is gone; `host` and `boot_id` say where it ran. Written elsewhere
// and then moved here, so that no other start under `root` has adopted it.
std::filesystem::path dead_journal(const std::filesystem::path& root, const std::string& run_id,
                                   const std::string& host, const std::string& boot_id) {
  TemporaryDirectory elsewhere;
  auto run = runlog::start_logging({.root = elsewhere.path(), .run_id = run_id});
  REQUIRE(run);
  run->log("loss", 0.5, 1);
  run->complete();
  std::filesystem::rename(elsewhere / run_id, root / run_id);
  auto journal = root / run_id / run->journal_path().filename();
  // As if it had not been packed and ended yet, and on that host.
  std::filesystem::remove(journal / "end.json");
  auto text = runlog::read_file(journal / "meta.json", 1 << 20);
  REQUIRE(text);
  auto meta = runlog::parse_meta(*text, "meta.json");
  REQUIRE(meta);
  meta->host = host;
  meta->boot_id = boot_id;
  REQUIRE(runlog::write_file_durably(journal / "meta.json", runlog::to_json(*meta)));
  return journal;
}

}  // namespace

TEST_CASE("the kinds of file systems: servers, mounts served by a program, all others") {
  using Place = FileSystemKind::Place;
  CHECK(runlog::file_system_kind(0x6969).name == "NFS");
  CHECK(runlog::file_system_kind(0x0BD00BD0).name == "Lustre");
  CHECK(runlog::file_system_kind(0x0BD00BD0).place == Place::network);
  CHECK(runlog::file_system_kind(0x65735546).place == Place::unclear);
  CHECK(runlog::file_system_kind(0xEF53).place == Place::here);      // ext4
  CHECK(runlog::file_system_kind(0x01021994).place == Place::here);  // tmpfs
  CHECK(runlog::file_system_kind(0x794C7630).place == Place::here);  // overlay
  // /proc is always there; a path below it that is not takes its nearest ancestor.
  CHECK(runlog::file_system_of("/proc/no/such/path").place == Place::here);
}

TEST_CASE("a root on NFS is refused, with its path and what to do, and nothing is made there") {
  TemporaryDirectory place;
  const auto root = place.path() / "runs";
  const auto refused = RunCore::start({.root = root}, nfs);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::unsupported);
  for (const std::string& words :
       {root.native(), std::string("NFS"), std::string("RUNLOG_NETWORK_ROOT=1")}) {
    CAPTURE(refused.error().message);
    CHECK(refused.error().message.find(words) != std::string::npos);
  }
  CHECK_FALSE(std::filesystem::exists(root));
  auto wanted = RunCore::start({.root = root, .network_root = true}, nfs);
  REQUIRE(wanted);
  (*wanted)->end(runlog::RunStatus::complete, {}, {});
}

TEST_CASE("a root on FUSE is used, and the doubt is told once") {
  TemporaryDirectory root;
  std::vector<std::string> told;
  const auto on_error = [&](const runlog::Error& error) { told.push_back(error.message); };
  auto core = RunCore::start({.root = root.path(), .on_error = on_error}, fuse);
  REQUIRE(core);
  (*core)->end(runlog::RunStatus::complete, {}, {});
  REQUIRE(told.size() == 1);
  CHECK(told[0].find("FUSE") != std::string::npos);
  told.clear();
  auto silent =
      RunCore::start({.root = root.path(), .network_root = true, .on_error = on_error}, fuse);
  REQUIRE(silent);
  (*silent)->end(runlog::RunStatus::complete, {}, {});
  CHECK(told.empty());
}

TEST_CASE(
    "on a network file system a journal of another host waits, until somebody vouches for it") {
  TemporaryDirectory root;
  const auto here = runlog::this_process();
  const auto adopt = [](const std::filesystem::path& journal, bool trusts,
                        const runlog::FindFileSystem& find) {
    runlog::StoreSet stores;
    return runlog::adopt_journal(
        journal, {.stores = &stores, .trusts_network_locks = trusts, .find_file_system = find});
  };
  const auto theirs = dead_journal(root.path(), "theirs", "other-host", "other-boot");
  const auto waiting = adopt(theirs, false, nfs);
  CHECK(waiting.verdict == RecoverOutcome::Verdict::waiting);
  CHECK(waiting.message.find("other-host") != std::string::npos);
  CHECK(waiting.message.find("RUNLOG_NETWORK_ROOT=1") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(theirs / "end.json"));
  CHECK(adopt(theirs, true, nfs).verdict == RecoverOutcome::Verdict::shipped);

  const auto rebooted = dead_journal(root.path(), "rebooted", here.host, "other-boot");
  CHECK(adopt(rebooted, false, nfs).verdict == RecoverOutcome::Verdict::shipped);
  const auto beside = dead_journal(root.path(), "beside", "other-container", here.boot_id);
  CHECK(adopt(beside, false, nfs).verdict == RecoverOutcome::Verdict::shipped);
  const auto copied = dead_journal(root.path(), "copied", "other-host", "other-boot");
  CHECK(adopt(copied, false, runlog::file_system_of).verdict == RecoverOutcome::Verdict::shipped);
}

TEST_CASE("a run on a network root does not adopt what another host may still be writing") {
  TemporaryDirectory root;
  const auto here = runlog::this_process();
  const auto theirs = dead_journal(root.path(), "a-theirs", "other-host", "other-boot");
  const auto ours = dead_journal(root.path(), "b-ours", here.host, here.boot_id);
  auto core = RunCore::start({.root = root.path(), .run_id = "c", .network_root = true}, nfs);
  REQUIRE(core);
  // Ours comes later in the order of names: once it is adopted, theirs has been passed over.
  const auto patience = std::chrono::steady_clock::now() + 60s;
  while ((*core)->stats().journals_adopted == 0 && std::chrono::steady_clock::now() < patience) {
    std::this_thread::yield();
  }
  CHECK((*core)->stats().journals_adopted == 1);
  CHECK(std::filesystem::exists(ours / "end.json"));
  CHECK_FALSE(std::filesystem::exists(theirs / "end.json"));
  (*core)->end(runlog::RunStatus::complete, {}, {});
}
