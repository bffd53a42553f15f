// Promise: a live journal is never adopted, whatever its process opens and closes; a dead one can
// be at once, whoever lives on with copies of its descriptors.
#include "platform/file_lock.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "runlog/recover.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"

using runlog::Errc;
using runlog::FileLock;
using runlog::RecoverOutcome;
using test::Process;
using test::TemporaryDirectory;
using test::victim;
using State = runlog::FileLock::State;

namespace {

std::filesystem::path only_journal(const std::filesystem::path& root) {
  const auto journals = runlog::list_journals(root);
  REQUIRE(journals);
  REQUIRE(journals->size() == 1);
  return journals->front().path;
}

RecoverOutcome::Verdict recover(const std::filesystem::path& root,
                                const std::filesystem::path& store) {
  runlog::RecoverOptions options;
  options.store = store;
  const auto outcomes = runlog::recover(root, options);
  REQUIRE(outcomes);
  REQUIRE(outcomes->size() == 1);
  return outcomes->front().verdict;
}

// A job that logged the steps 0 to 1999 has ended: recovery ships them, each once.
void check_shipped(const std::filesystem::path& root, const std::filesystem::path& store) {
  CHECK(recover(root, store) == RecoverOutcome::Verdict::shipped);
  const auto contents = test::read(store);
  CHECK(contents.steps("loss") == test::counting(2000));
  CHECK(contents.is_free_of_duplicates());
}

std::string content(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

void overwrite(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

runlog::ProcessIdentity dead_process() {
  runlog::ProcessIdentity identity;
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);
  ::waitpid(pid, nullptr, 0);
  identity = runlog::this_process();
  identity.pid = pid;
  return identity;
}

// Holds a lock of `type` on the whole of `path` as long as it lives.
class Holder {
 public:
  Holder(const std::filesystem::path& path, short type, int command) {
    std::array<int, 2> ready{};
    REQUIRE(::pipe(ready.data()) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      const int fd = ::open(path.c_str(), type == F_RDLCK ? O_RDONLY : O_RDWR);
      struct flock range {};
      range.l_type = type;
      range.l_whence = SEEK_SET;
      const char held = ::fcntl(fd, command, &range) == 0 ? 'y' : 'n';
      (void)!::write(ready[1], &held, 1);
      for (;;) ::pause();
    }
    ::close(ready[1]);
    char held = 'n';
    CHECK(::read(ready[0], &held, 1) == 1);
    CHECK(held == 'y');
    ::close(ready[0]);
  }
  ~Holder() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;

 private:
  pid_t pid_;
};

}  // namespace

TEST_CASE("a lock is one, also within the process, and goes with its holder") {
  const TemporaryDirectory directory;
  const auto path = directory / "LOCK";
  CHECK(FileLock::state(path) == State::free);
  auto lock = FileLock::acquire(path);
  REQUIRE(lock);
  CHECK(FileLock::state(path) == State::held);
  CHECK(FileLock::acquire(path).error().code == Errc::busy);
  CHECK(FileLock::adopt(path).error().code == Errc::busy);
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  REQUIRE(lock->write_identity(runlog::this_process()));
  CHECK(FileLock::state(path) == State::held);
  CHECK(FileLock::adopt(path).error().code == Errc::busy);
  lock->release();
  CHECK(FileLock::state(path) == State::free);
  CHECK(FileLock::adopt(path));
}

TEST_CASE("closing another descriptor of LOCK leaves the lock") {
  const TemporaryDirectory directory;
  const auto path = directory / "LOCK";
  auto lock = FileLock::acquire(path);
  REQUIRE(lock);
  for (const int flags : {O_RDONLY, O_RDWR}) ::close(::open(path.c_str(), flags));
  std::filesystem::copy_file(path, directory / "copy");
  const pid_t other = ::fork();
  if (other == 0) ::_exit(FileLock::is_held(path) ? 0 : 1);
  int status = -1;
  ::waitpid(other, &status, 0);
  CHECK(status == 0);
}

TEST_CASE("what LOCK says counts only when it is whole, and names a process that is gone") {
  const TemporaryDirectory directory;
  const auto path = directory / "LOCK";
  auto lock = FileLock::acquire(path);  // as of an orphan: held by somebody
  REQUIRE(lock);
  REQUIRE(lock->write_identity(dead_process()));
  CHECK(FileLock::state(path) == State::free);
  const std::string dead = content(path);
  {
    auto adopted = FileLock::adopt(path);
    REQUIRE(adopted);
    CHECK(FileLock::state(path) == State::held);  // by who adopts it
    CHECK(FileLock::adopt(path).error().code == Errc::busy);
    CHECK(FileLock::acquire(path).error().code == Errc::busy);
  }
  CHECK(FileLock::state(path) == State::free);
  const auto replaced = [&](const std::string& key, const std::string& value) {
    std::string text = dead;
    const auto at = text.find("\"" + key + "\":") + key.size() + 3;
    text.replace(at, text.find_first_of(",}", at) - at, value);
    return text;
  };
  std::vector<std::string> unbelieved = {
      "",
      "nonsense\n",
      "{}\n",
      "[1,2]\n",
      replaced("boot_id", "\"another\""),
      replaced("boot_id", "\"\""),
      replaced("pid_namespace", "1"),
      replaced("pid_namespace", "0"),
      replaced("pid", "0"),
      replaced("pid", "-1"),
      replaced("pid", "99999999999999999999"),
      replaced("start_ticks", "\"x\""),
      std::string(8192, '{') + "\n",
  };
  for (std::size_t size = 1; size < dead.size(); ++size)
    unbelieved.push_back(dead.substr(0, size));  // half-written
  for (const std::string& text : unbelieved) {
    INFO(text.substr(0, 300));
    overwrite(path, text);
    CHECK(FileLock::state(path) == State::held);
    CHECK_FALSE(FileLock::adopt(path));
  }
  // A pid that is another's now.
  std::string reused = dead;
  const auto at = reused.find("\"pid\":") + 6;
  reused.replace(at, reused.find(',', at) - at, std::to_string(::getppid()));
  overwrite(path, reused);
  CHECK(FileLock::state(path) == State::free);
}

TEST_CASE("a zombie is gone") {
  const pid_t pid = ::fork();
  if (pid == 0) {
    for (;;) ::pause();
  }
  const auto alive = [&] {
    runlog::ProcessIdentity identity = runlog::this_process();
    identity.pid = pid;
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string word;
    for (int i = 1; i <= 22; ++i) stat >> word;  // the name has no space in it here
    identity.start_ticks = std::stoll(word);
    return identity;
  }();
  CHECK(runlog::life_of(runlog::this_process()) == runlog::Life::alive);
  CHECK(runlog::life_of(alive) == runlog::Life::alive);
  ::kill(pid, SIGKILL);
  siginfo_t ended{};
  ::waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOWAIT);
  CHECK(runlog::life_of(alive) == runlog::Life::gone);
  ::waitpid(pid, nullptr, 0);
  CHECK(runlog::life_of(alive) == runlog::Life::gone);
}

TEST_CASE("a forked child has no copy, and neither its end nor its locks touch the parent's") {
  const TemporaryDirectory directory;
  const auto path = directory / "LOCK";
  auto lock = FileLock::acquire(path);
  REQUIRE(lock);
  std::array<int, 2> gate{};
  REQUIRE(::pipe(gate.data()) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    // The number that the parent's copy had is free for others, and stays theirs.
    const auto other = FileLock::acquire(directory / "other");
    bool is_right = other.has_value() && FileLock::is_held(path);
    lock->release();
    is_right = is_right && FileLock::is_held(path) && FileLock::is_held(directory / "other");
    char byte = is_right ? 'y' : 'n';
    (void)!::write(gate[1], &byte, 1);
    for (;;) ::pause();
  }
  char byte = 0;
  REQUIRE(::read(gate[0], &byte, 1) == 1);
  CHECK(byte == 'y');
  CHECK(FileLock::is_held(path));
  lock->release();
  CHECK_FALSE(FileLock::is_held(path));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST_CASE("a read lock makes no dead journal look alive") {
  const TemporaryDirectory directory;
  const auto path = directory / "LOCK";
  { REQUIRE(FileLock::acquire(path)); }
  for (const int command : {F_SETLK, F_OFD_SETLK}) {
    const Holder holder(path, F_RDLCK, command);
    CHECK(FileLock::state(path) == State::free);
    const auto adopted = FileLock::adopt(path);
    REQUIRE_FALSE(adopted);
    CHECK(adopted.error().message.find("is read-locked by a program") != std::string::npos);
  }
  // A writer of the releases that took the whole file.
  const Holder holder(path, F_WRLCK, F_SETLK);
  CHECK(FileLock::state(path) == State::held);
  CHECK(FileLock::adopt(path).error().code == Errc::busy);
}

TEST_CASE("who may read a journal but not its LOCK takes it for live, and is told") {
  if (::geteuid() != 0) return;  // acts as another user
  const TemporaryDirectory directory;
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0755));
  Process job({victim("writer"), "everything", directory.path(), "kill"},
              {{"RUNLOG_SHARE", "group"}});
  job.wait();
  const auto journal = only_journal(directory.path());
  const pid_t other = ::fork();
  if (other == 0) {
    if (::setuid(65534) != 0) ::_exit(9);  // of the same group
    if (FileLock::state(journal / "LOCK") != State::unreadable) ::_exit(2);
    const auto seen = runlog::list_journals(directory.path());
    if (!seen || seen->size() != 1 || seen->front().state != runlog::JournalState::live) ::_exit(3);
    if (seen->front().end_reason.find("LOCK cannot be read") == std::string::npos) ::_exit(4);
    const auto outcomes = runlog::recover(directory.path(), {.any_owner = true});
    if (!outcomes || outcomes->front().verdict != RecoverOutcome::Verdict::live) ::_exit(5);
    ::_exit(0);
  }
  int status = -1;
  ::waitpid(other, &status, 0);
  // 2: on the way to TMPDIR is a directory that others may not enter
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(only_journal(directory.path()) == journal);
}

TEST_CASE("a LOCK that is no file is refused and does not hang") {
  const TemporaryDirectory directory;
  const auto fifo = directory / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  CHECK_FALSE(FileLock::acquire(fifo));
  CHECK(FileLock::state(directory / "absent") == State::free);
  overwrite(directory / "file", "theirs");
  std::filesystem::create_symlink(directory / "file", directory / "link");
  CHECK_FALSE(FileLock::acquire(directory / "link"));
  CHECK(content(directory / "file") == "theirs");
}

TEST_CASE("a child that outlives its killed parent does not keep the journal from recovery") {
  for (const std::string kind : {"fork", "_Fork", "clone", "vfork", "spawn"}) {
    INFO(kind);
    const TemporaryDirectory root;
    const TemporaryDirectory store;
    Process job({victim("orphans"), kind, root.path()});
    const std::string said = job.read_until("c");
    if (said == "cannot") continue;
    REQUIRE(said.starts_with("child "));
    const pid_t child = std::stoi(said.substr(6));
    CHECK(job.wait().signal == SIGKILL);
    CHECK(::kill(child, 0) == 0);
    const auto journals = runlog::list_journals(root.path());
    REQUIRE(journals);
    CHECK(journals->front().state == runlog::JournalState::crashed);
    CHECK(recover(root.path(), store.path()) == RecoverOutcome::Verdict::shipped);
    CHECK(test::read(store.path()).steps("loss") == test::counting(1000));
    ::kill(child, SIGKILL);
  }
}

TEST_CASE("a job that reads, copies and closes its own journal stays live for all others") {
  const TemporaryDirectory base;
  const auto root = base / "runs";
  const TemporaryDirectory store;
  Process job({victim("orphans"), "reads", root});
  REQUIRE(job.read_line() == "read");
  const auto journal = only_journal(root);
  CHECK(FileLock::state(journal / "LOCK") == State::held);
  CHECK(recover(root, store.path()) == RecoverOutcome::Verdict::live);
  for (const std::string& command : {"tar cf /dev/null -C " + root.native() + " .",
                                     "cp -r " + root.native() + " " + (base / "again").native()}) {
    CHECK(std::system(command.c_str()) == 0);
    CHECK(FileLock::state(journal / "LOCK") == State::held);
  }
  job.write("x");
  CHECK(job.wait().code == 0);
  check_shipped(root, store.path());
}

TEST_CASE("a job that closes every descriptor stays live, and loses none of its own") {
  for (const char* const mode : {"closes", "closes-only"}) {
    INFO(mode);
    const TemporaryDirectory base;
    const auto root = base / "runs";
    const TemporaryDirectory store;
    Process job({victim("orphans"), mode, root},
                {{"RUNLOG_SEGMENT_BYTES", "64KiB"}, {"RUNLOG_SYNC_INTERVAL", "1h"}});
    REQUIRE(job.read_line() == "closed");
    const auto journal = only_journal(root);
    CHECK(FileLock::state(journal / "LOCK") == State::held);
    CHECK(recover(root, store.path()) == RecoverOutcome::Verdict::live);
    CHECK_FALSE(FileLock::adopt(journal / "LOCK"));
    // A copy is nobody's.
    std::filesystem::copy(root, base / "copy", std::filesystem::copy_options::recursive);
    CHECK(FileLock::state(only_journal(base / "copy") / "LOCK") == State::free);
    job.write("x");
    REQUIRE(job.read_line() == "durable");
    CHECK(FileLock::state(journal / "LOCK") == State::held);
    CHECK(recover(root, store.path()) == RecoverOutcome::Verdict::live);
    job.write("x");
    CHECK(job.wait().code == 0);
    check_shipped(root, store.path());
  }
}

TEST_CASE("a program that its process has replaced by another one does not live") {
  const TemporaryDirectory root;
  const TemporaryDirectory store;
  Process job({victim("orphans"), "exec", root.path()});
  REQUIRE(job.read_line() == "here");  // of the other program
  // Which becomes a third one; in the middle of that it is taken for the first.
  auto state = runlog::JournalState::live;
  for (int look = 0; look < 1000 && state == runlog::JournalState::live; ++look) {
    std::this_thread::yield();
    const auto journals = runlog::list_journals(root.path());
    REQUIRE(journals);
    state = journals->front().state;
  }
  CHECK(state == runlog::JournalState::crashed);
  CHECK(recover(root.path(), store.path()) == RecoverOutcome::Verdict::shipped);
  CHECK(test::read(store.path()).steps("loss") == test::counting(1000));
  job.kill(SIGKILL);
  job.wait();
}

TEST_CASE("two recoveries at once, and one that is killed in the middle: every record once") {
  const TemporaryDirectory root;
  const TemporaryDirectory store;
  Process job({victim("orphans"), "_Fork", root.path()});
  const std::string said = job.read_until("c");
  job.wait();
  const pid_t child = said.starts_with("child ") ? std::stoi(said.substr(6)) : -1;
  const std::vector<std::string> command = {test::tool("runlog-recover"), root.path(), "--store",
                                            store.path(), "-q"};
  // Takes the lock and is killed with it (where crash points are compiled in).
  Process killed(command, {{"RUNLOG_CRASH_AT", "in_remove"}});
  killed.wait();
  {
    std::vector<std::unique_ptr<Process>> at_once;
    for (int i = 0; i < 4; ++i) at_once.push_back(std::make_unique<Process>(command));
    for (auto& one : at_once) CHECK(one->wait().signal == 0);
  }
  CHECK(test::run_command(command).first.code == 0);
  const auto contents = test::read(store.path());
  CHECK(contents.steps("loss") == test::counting(1000));
  CHECK(contents.is_free_of_duplicates());
  if (child > 0) ::kill(child, SIGKILL);
}
