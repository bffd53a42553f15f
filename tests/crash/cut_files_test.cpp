// Promise: no reader dies when a file is cut while it is read, and none passes over what it misses.
// The program stops before the nth read of a file that it has opened; then all files of the journal
// are cut.
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"

namespace fs = std::filesystem;

namespace {

// At these reads, as far as there are so many.
constexpr int kMoments[] = {1, 2, 3, 5, 8, 13, 21, 34, 55, 90};
// To so many bytes: to nothing, and within a page.
constexpr std::uint64_t kSizes[] = {0, 10'000};

// A killed job's journal with packs and segments.
struct Killed {
  Killed() {
    test::Process job({test::victim("writer"), "forever", root(), "1"},
                      {{"RUNLOG_SEGMENT_BYTES", "65536"},
                       {"RUNLOG_PACK_BYTES", "65536"},
                       {"RUNLOG_RUN_ID", "job"}});
    job.read_until("logged 1");
    while (test::packs_below(root()).size() < 2) job.read_line();
    job.kill(SIGKILL);
    REQUIRE(job.wait().signal == SIGKILL);
    rows = test::read(root()).rows.size();
  }
  fs::path root() const { return directory / "whole"; }
  // A copy of it.
  fs::path fresh() const {
    const fs::path copy = directory / "runs";
    fs::remove_all(copy);
    REQUIRE(test::run_command({"/bin/cp", "-a", root(), copy}).first.code == 0);
    return copy;
  }

  test::TemporaryDirectory directory;
  std::size_t rows = 0;
};

void cut(const fs::path& root, std::uint64_t bytes) {
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const auto extension = entry.path().extension();
    if (extension != ".seg" && extension != ".parquet") continue;
    if (entry.file_size() > bytes) fs::resize_file(entry.path(), bytes);
  }
}

// Whether it has stopped; it has ended otherwise.
bool waits(const test::Process& process) {
  siginfo_t info{};
  const auto id = static_cast<id_t>(process.pid());
  REQUIRE(::waitid(P_PID, id, &info, WSTOPPED | WEXITED | WNOWAIT) == 0);
  return info.si_code == CLD_STOPPED;
}

std::vector<std::pair<std::string, std::string>> stop_at(int moment) {
  return {{"RUNLOG_STOP_AT", "file_read:" + std::to_string(moment)}};
}

std::size_t lines_of(const fs::path& file) {
  std::ifstream stream(file);
  return static_cast<std::size_t>(std::count(std::istreambuf_iterator<char>(stream), {}, '\n'));
}

struct Ended {
  test::Exit exit;
  bool was_cut = false;
};

// Runs a command to its end, with its output in `output`, and cuts the files at that moment.
Ended run(const std::vector<std::string>& command, const fs::path& output, const fs::path& root,
          int moment, std::uint64_t bytes) {
  std::vector<std::string> shell = {"/bin/sh", "-c",
                                    "out=$1; shift; exec \"$@\" >\"$out\" 2>\"$out.err\"", "sh",
                                    output.native()};
  shell.insert(shell.end(), command.begin(), command.end());
  test::Process process(shell, stop_at(moment));
  Ended ended;
  ended.was_cut = waits(process);
  if (ended.was_cut) {
    cut(root, bytes);
    process.kill(SIGCONT);
  }
  ended.exit = process.wait();
  return ended;
}

// Nothing is missing that is not told.
void check_told(const fs::path& root, std::size_t rows) {
  const test::Contents left = test::read(root);
  CHECK(left.is_free_of_duplicates());
  CHECK((left.rows.size() == rows || !left.damage.empty()));
}

}  // namespace

TEST_CASE("tools that only read go on when files are cut under them, and tell of it") {
  const Killed killed;
  const fs::path output = killed.directory / "output";
  for (const std::string name : {"cat", "verify", "ls"}) {
    const auto command = [&](const fs::path& root) {
      std::vector<std::string> words = {test::tool("runlog"), name, "--json"};
      words.push_back(root.native());
      return words;
    };
    REQUIRE(run(command(killed.root()), output, killed.root(), 1'000'000, 0).exit.code <= 1);
    const std::size_t lines = lines_of(output);
    for (const std::uint64_t bytes : kSizes) {
      int cuts = 0;
      for (const int moment : kMoments) {
        CAPTURE(name, bytes, moment);
        const fs::path root = killed.fresh();
        const auto [exit, was_cut] = run(command(root), output, root, moment, bytes);
        CHECK(exit.signal == 0);
        CHECK(exit.code >= 0);
        if (!was_cut) break;
        ++cuts;
        if (name == "cat") CHECK((exit.code != 0 || lines_of(output) == lines));
        if (name == "verify" && moment == 1) CHECK(exit.code != 0);
      }
      CHECK(cuts > 0);
    }
  }
}

TEST_CASE("a recovery goes on when files are cut under it, and what it keeps tells of the rest") {
  const Killed killed;
  for (const std::uint64_t bytes : kSizes) {
    int cuts = 0;
    for (const int moment : kMoments) {
      CAPTURE(bytes, moment);
      const fs::path root = killed.fresh();
      const auto [exit, was_cut] = run({test::tool("runlog-recover"), "-q", root.native()},
                                       killed.directory / "output", root, moment, bytes);
      CHECK(exit.signal == 0);
      CHECK(exit.code >= 0);
      check_told(root, killed.rows);
      if (!was_cut) break;
      ++cuts;
    }
    CHECK(cuts > 0);
  }
}

TEST_CASE("a job that adopts a journal goes on when the journal's files are cut under it") {
  const Killed killed;
  for (const int moment : {1, 3, 6}) {
    CAPTURE(moment);
    const fs::path root = killed.fresh();
    auto environment = stop_at(moment);
    environment.emplace_back("RUNLOG_RUN_ID", "adopts");
    test::Process job({test::victim("writer"), "everything", root, "wait"}, environment);
    REQUIRE(waits(job));
    cut(root / "job", 8192);
    job.kill(SIGCONT);
    job.close_input();
    const auto exit = job.wait();
    CHECK(exit.signal == 0);
    CHECK(exit.code == 0);
    // What it did not come to, or gave up because a file changed beside it, the next one does.
    const auto next = run({test::tool("runlog-recover"), "-q", (root / "job").native()},
                          killed.directory / "output", root, 1'000'000, 0);
    CHECK(next.exit.code >= 0);
    check_told(root / "job", killed.rows);
  }
}
