// Promise: what a job writes below its root is read by its owner alone, or by its group where it is
// told to, whatever the umask; and it does not log where every user, or one who has set a trap,
// could exchange its journals.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "runlog/reader.hpp"
#include "runlog/recover.hpp"
#include "runlog/runlog.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"

namespace fs = std::filesystem;

namespace {

constexpr uid_t kStranger = 12345;

class Umask {
 public:
  explicit Umask(mode_t mask) : before_(::umask(mask)) {}
  ~Umask() { ::umask(before_); }
  Umask(const Umask&) = delete;
  Umask& operator=(const Umask&) = delete;

 private:
  mode_t before_;
};

mode_t mode_of(const fs::path& path) {
  struct stat info {};
  REQUIRE(::lstat(path.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

std::set<std::string> names_below(const fs::path& top) {
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(top)) names.insert(entry.path());
  return names;
}

// All below a directory, and itself; how many files.
std::size_t check_modes(const fs::path& top, mode_t directories, mode_t files) {
  CHECK(mode_of(top) == directories);
  std::size_t count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(top)) {
    INFO(entry.path());
    const bool is_lock = entry.path().filename() == "LOCK";
    CHECK(mode_of(entry.path()) == (entry.is_directory() ? directories : is_lock ? 0600 : files));
    if (!entry.is_directory()) ++count;
  }
  return count;
}

void log_all_kinds(runlog::Run& run, const test::TemporaryDirectory& scratch) {
  for (int i = 0; i < 1000; ++i) run.log("loss", i, i);
  CHECK(run.upload_file("model", scratch / "model"));
  run.flush();
}

}  // namespace

TEST_CASE("what is below the root is its owner's, or its group's as well, whatever the umask") {
  for (const mode_t mask : {mode_t{0}, mode_t{0022}, mode_t{0077}, mode_t{0777}}) {
    for (const auto share : {runlog::Share::none, runlog::Share::group}) {
      const bool for_group = share == runlog::Share::group;
      const mode_t directories = for_group ? 0750 : 0700;
      const mode_t files = for_group ? 0640 : 0600;
      INFO(std::oct << mask << " " << directories);
      const test::TemporaryDirectory scratch;
      const fs::path root = scratch / "runs";
      std::ofstream(scratch / "model") << "weights";
      const Umask masked(mask);
      auto run = runlog::start_logging({.root = root, .share = share});
      REQUIRE(run);
      log_all_kinds(*run, scratch);
      run->complete();
      CHECK(check_modes(root, directories, files) > 4);
    }
  }
}

TEST_CASE(
    "what recovery adds to a journal has the rights of its directory, a store those of the umask") {
  for (const char* const share : {"none", "group"}) {
    const bool for_group = std::string(share) == "group";
    const test::TemporaryDirectory scratch;
    const fs::path root = scratch / "runs";
    test::Process job({test::victim("ends"), "sigkill", root}, {{"RUNLOG_SHARE", share}});
    CHECK(job.wait().signal == SIGKILL);
    const Umask masked(0022);
    REQUIRE(runlog::recover(root, {.store = scratch / "store"}));
    CHECK(check_modes(root, for_group ? 0750 : 0700, for_group ? 0640 : 0600) > 3);
    CHECK(check_modes(scratch / "store", 0755, 0644) > 1);
  }
}

TEST_CASE("a root that every user may write to is refused, unless it has the sticky bit") {
  const test::TemporaryDirectory scratch;
  const fs::path root = scratch / "runs";
  REQUIRE(::mkdir(root.c_str(), 0700) == 0);
  REQUIRE(::chmod(root.c_str(), 0777) == 0);
  const auto refused = runlog::start_logging({.root = root});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == runlog::Errc::invalid_argument);
  for (const char* const word : {root.c_str(), "chmod +t", "RUNLOG_OPEN_ROOT=1"}) {
    CHECK(refused.error().message.find(word) != std::string::npos);
  }
  CHECK(fs::is_empty(root));
  CHECK(runlog::start_logging({.root = root, .open_root = true}));
  REQUIRE(::chmod(root.c_str(), 01777) == 0);
  CHECK(runlog::start_logging({.root = root}));
  CHECK(mode_of(root) == 01777);
  if (::geteuid() != 0) return;  // who else could give it away
  REQUIRE(::chown(root.c_str(), kStranger, kStranger) == 0);
  const auto planted = runlog::start_logging({.root = root});
  REQUIRE_FALSE(planted);
  CHECK(planted.error().message.find("uid 12345") != std::string::npos);
  CHECK(runlog::start_logging({.root = root, .open_root = true}));
}

TEST_CASE("recovery leaves a journal alone from which a link leads elsewhere") {
  for (const char* const name : {"meta.json", "crash", "end.json", "refused", "moved.json", "lanes",
                                 "packs", "blobs", "shipped", "torn"}) {
    INFO(name);
    const test::TemporaryDirectory scratch;
    const fs::path root = scratch / "runs";
    test::Process job({test::victim("ends"), "sigkill", root});
    CHECK(job.wait().signal == SIGKILL);
    const fs::path journal = runlog::list_journals(root).value().at(0).path;
    const fs::path linked = journal / name;
    // What the link leads to is what was there, so that only the link is to blame.
    const fs::path elsewhere = scratch / "elsewhere";
    if (fs::exists(linked)) {
      fs::rename(linked, elsewhere);
    } else {
      fs::create_directory(elsewhere);
    }
    if (fs::is_directory(elsewhere)) std::ofstream(elsewhere / "keep.tmp") << "theirs";
    fs::create_symlink(elsewhere, linked);
    const auto before = names_below(scratch.path());
    const auto outcomes = runlog::recover(root, {.store = scratch / "store"});
    REQUIRE(outcomes);
    REQUIRE(outcomes->size() == 1);
    CHECK(outcomes->front().verdict == runlog::RecoverOutcome::Verdict::failed);
    CHECK(outcomes->front().message.find(linked.native()) == 0);
    CHECK(names_below(scratch.path()) == before);
    fs::remove(linked);
    if (fs::is_directory(elsewhere)) fs::remove(elsewhere / "keep.tmp");
    fs::rename(elsewhere, linked);
    const bool was_there = !fs::is_empty(linked) || fs::is_regular_file(linked);
    if (!was_there) fs::remove(linked);
    CHECK(runlog::recover(root, {.store = scratch / "store"}).value().at(0).verdict ==
          runlog::RecoverOutcome::Verdict::shipped);
  }
}

TEST_CASE("what the superuser's recovery adds to a journal belongs to the journal's owner") {
  if (::geteuid() != 0) return;
  const test::TemporaryDirectory scratch;
  const fs::path root = scratch / "runs";
  test::Process job({test::victim("ends"), "sigkill", root});
  CHECK(job.wait().signal == SIGKILL);
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    REQUIRE(::chown(entry.path().c_str(), kStranger, kStranger) == 0);
  }
  // Only if it is told to work on them.
  const auto before = names_below(scratch.path());
  const auto left = runlog::recover(root, {.store = scratch / "store"});
  REQUIRE(left);
  REQUIRE(left->size() == 1);
  CHECK(left->front().verdict == runlog::RecoverOutcome::Verdict::foreign);
  CHECK(left->front().owner == kStranger);
  CHECK(names_below(scratch.path()) == before);
  const auto cleaned = runlog::clean(root, scratch / "store", false);
  REQUIRE(cleaned);
  REQUIRE(cleaned->size() == 1);
  CHECK(cleaned->front().is_foreign);

  const auto recovered = runlog::recover(root, {.store = scratch / "store", .any_owner = true});
  REQUIRE(recovered);
  CHECK(recovered->front().verdict == runlog::RecoverOutcome::Verdict::shipped);
  std::size_t count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    INFO(entry.path());
    struct stat info {};
    REQUIRE(::lstat(entry.path().c_str(), &info) == 0);
    CHECK(info.st_uid == kStranger);
    ++count;
  }
  CHECK(count > 5);
}

TEST_CASE("a run's directory that another user has made is refused, and so is his link") {
  if (::geteuid() != 0) return;  // who else could make one
  const test::TemporaryDirectory scratch;
  const fs::path root = scratch / "runs";
  const fs::path own = scratch / "own";
  for (const auto& directory : {root, own, root / "planted"}) {
    REQUIRE(::mkdir(directory.c_str(), 0755) == 0);
  }
  REQUIRE(::chown((root / "planted").c_str(), kStranger, kStranger) == 0);
  REQUIRE(::symlink(own.c_str(), (root / "link").c_str()) == 0);
  REQUIRE(::lchown((root / "link").c_str(), kStranger, kStranger) == 0);
  for (const auto resume : {runlog::Resume::allow, runlog::Resume::never}) {
    for (const char* const run_id : {"planted", "link"}) {
      INFO(run_id);
      const auto refused =
          runlog::start_logging({.root = root, .run_id = run_id, .resume = resume});
      REQUIRE_FALSE(refused);
      CHECK(refused.error().message.find((root / run_id).native()) == 0);
      CHECK(refused.error().message.find("uid 12345") != std::string::npos);
      CHECK(fs::is_empty(root / run_id));
    }
  }
  fs::create_directory_symlink(own, root / "mine");
  CHECK(runlog::start_logging({.root = root, .run_id = "mine"}));
}
