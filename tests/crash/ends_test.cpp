// Promise: each end of a process that it can see is told as it was, and each signal acts exactly as
// it would without runlog.
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "runlog/crash.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"

using test::Process;
using test::read;
using test::TemporaryDirectory;
using test::victim;

namespace {

// The whole wait status, with the core flag, and what was said.
struct Ending {
  int status = 0;
  std::string output;
  friend bool operator==(const Ending&, const Ending&) = default;
};

Ending end_of(const std::string& how, const TemporaryDirectory& root, bool is_control = false) {
  const std::string program = victim("ends");
  const std::string runs = (root / "runs").native();
  const std::string output = (root / "output").native();
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const rlimit cores{.rlim_cur = 1 << 20, .rlim_max = RLIM_INFINITY};
    ::setrlimit(RLIMIT_CORE, &cores);
    const int out = ::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const int null = ::open("/dev/null", O_RDWR);
    if (::chdir(root.path().c_str()) != 0) ::_exit(98);
    ::dup2(null, 0);
    ::dup2(out, 1);
    ::dup2(null, 2);
    for (int signal = 1; signal < 32; ++signal) ::signal(signal, SIG_DFL);
    if (is_control) ::setenv("CONTROL", "1", 1);
    ::execl(program.c_str(), program.c_str(), how.c_str(), runs.c_str(), nullptr);
    ::_exit(99);
  }
  Ending ending;
  ::waitpid(child, &ending.status, 0);
  std::ifstream file(output);
  ending.output.assign(std::istreambuf_iterator<char>(file), {});
  return ending;
}

// As without runlog.
Ending same_end_of(const std::string& how, const TemporaryDirectory& root) {
  const Ending ending = end_of(how, root);
  CHECK(ending == end_of(how, root, true));
  return ending;
}

std::vector<runlog::JournalInfo> journals_in(const TemporaryDirectory& root) {
  return read(root / "runs").journals;
}

// Of the only journal, or of the process that started first.
std::string reason_in(const TemporaryDirectory& root) {
  auto journals = journals_in(root);
  REQUIRE_FALSE(journals.empty());
  for (const auto& journal : journals) {
    if (journal.parent_session.empty()) {
      CHECK(journal.state == runlog::JournalState::crashed);
      return journal.end_reason;
    }
  }
  return "no parent";
}

std::string name_of(int signal) {
  return std::string("SIG") + ::sigabbrev_np(signal);
}

}  // namespace

TEST_CASE("every signal that ends a process ends it as without runlog, and is named") {
  for (const int signal :
       {SIGHUP,  SIGINT,    SIGQUIT, SIGILL,  SIGTRAP, SIGABRT, SIGBUS,    SIGFPE,
        SIGUSR1, SIGSEGV,   SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT, SIGXCPU,
        SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO,   SIGPWR,  SIGSYS}) {
    for (const char* const how : {"raise", "kill", "queue", "tgkill", "other"}) {
      INFO(how << " " << signal);
      TemporaryDirectory root;
      const Ending ending = same_end_of(how + (" " + std::to_string(signal)), root);
      CHECK(WIFSIGNALED(ending.status));
      CHECK(WTERMSIG(ending.status) == signal);
      const std::string reason = reason_in(root);
      CHECK(reason.starts_with(name_of(signal)));
      if (std::string(how) == "other") {
        CHECK(reason.find(" sent by pid ") != std::string::npos);
        CHECK(reason.find("(killer), uid " + std::to_string(::getuid())) != std::string::npos);
      }
    }
  }
}

TEST_CASE("signals of the kernel end a process as without runlog, and are named") {
  for (const auto& [how, reason] :
       {std::pair{"alarm", "SIGALRM"}, std::pair{"vtalrm", "SIGVTALRM"},
        std::pair{"prof", "SIGPROF"}, std::pair{"pipe", "SIGPIPE"}, std::pair{"xfsz", "SIGXFSZ"},
        std::pair{"xcpu", "SIGXCPU"}, std::pair{"segv", "SIGSEGV at address 0x0"},
        std::pair{"bus", "SIGBUS at address 0x"}, std::pair{"trap", "SIGTRAP"},
        std::pair{"ill", "SIGILL"}, std::pair{"call-null", "SIGSEGV at address 0x0"},
        std::pair{"abort", "SIGABRT"}, std::pair{"seccomp", "SIGSYS for system call "},
        std::pair{"stack", "SIGSEGV at address 0x"},
        std::pair{"stack-thread", "SIGSEGV at address 0x"},
        std::pair{"broken-stack", "SIGSEGV at address 0x0"}}) {
    INFO(how);
    TemporaryDirectory root;
    const Ending ending = same_end_of(how, root);
    CHECK(WIFSIGNALED(ending.status));
    CHECK(reason_in(root).starts_with(reason));
  }
}

TEST_CASE("an uncaught exception is named with its type and text") {
  for (const auto& [how, reason] :
       {std::pair<std::string, std::string>{"throw",
                                            "SIGABRT: std::runtime_error: out of device memory"},
        {"throw-int", "SIGABRT: int"},
        {"throw-long", "SIGABRT: (anonymous namespace)::LongError: " + std::string(512, 'x')},
        {"terminate", "SIGABRT: std::terminate without an exception"},
        {"noexcept", "SIGABRT: std::logic_error: left a noexcept function"}}) {
    INFO(how);
    TemporaryDirectory root;
    const Ending ending = same_end_of(how, root);
    CHECK(WTERMSIG(ending.status) == SIGABRT);
    CHECK(reason_in(root) == reason);
  }
  TemporaryDirectory odd;  // where the handler that prints the text dies of it
  (void)same_end_of("throw-odd", odd);
  CHECK(reason_in(odd).ends_with(": (anonymous namespace)::OddError"));
  TemporaryDirectory root;
  (void)end_of("throw-thread", root);
  const std::string reason = reason_in(root);
  CHECK(reason.starts_with("SIGABRT in thread "));
  CHECK(reason.ends_with(" (loader): std::runtime_error: out of device memory"));
}

TEST_CASE(
    "an abort while an exception is handled names it, without asking the program for its text") {
  for (const auto& [how, reason] :
       {std::pair{"abort-in-catch", "SIGABRT while std::out_of_range was handled: no such layer"},
        std::pair{"abort-in-catch-proud",
                  "SIGABRT while (anonymous namespace)::ProudError was handled"},
        std::pair{"later-terminate",
                  "SIGABRT while std::logic_error was handled: left a noexcept function"}}) {
    INFO(how);
    TemporaryDirectory root;
    CHECK(WTERMSIG(same_end_of(how, root).status) == SIGABRT);
    CHECK(reason_in(root) == reason);
  }
}

TEST_CASE("a death after exit() has told the end is told as that, before and after recovery") {
  struct Death {
    const char* how;
    int signal;
    std::string reason;
  };
  for (const Death& death :
       {Death{"exit-segv", SIGSEGV, "SIGSEGV at address 0x0 after exit(0)"},
        Death{"exit-abort", SIGABRT, "SIGABRT after exit(3)"},
        Death{"exit-throw", SIGABRT, "SIGABRT after exit(0): std::logic_error: at the end"}}) {
    INFO(death.how);
    TemporaryDirectory root;
    CHECK(WTERMSIG(same_end_of(death.how, root).status) == death.signal);
    const auto check = [&](const runlog::JournalInfo& journal) {
      CHECK(journal.state == runlog::JournalState::failed);
      CHECK(journal.end_signal == death.signal);
      CHECK(journal.end_reason == death.reason);
    };
    const auto read_first = journals_in(root);
    REQUIRE(read_first.size() == 1);
    check(read_first[0]);
    check(runlog::list_journals(root / "runs").value().at(0));
    const auto report = runlog::read_crash(read_first[0].path);
    REQUIRE(report);
    CHECK(report->exit_status == (death.reason == "SIGABRT after exit(3)" ? 3 : 0));
    CHECK_FALSE(report->frames.empty());
    // Before end.json was written, the record alone tells the end.
    std::filesystem::remove(read_first[0].path / "end.json");
    check(journals_in(root).at(0));
    test::run_command({test::tool("runlog-recover"), "-q", root / "runs"});
    std::filesystem::remove(read_first[0].path / "crash");
    check(runlog::list_journals(root / "runs").value().at(0));
  }
}

TEST_CASE("what comes after a run's own end, or in a child, is not told as the end by exit()") {
  TemporaryDirectory root;
  CHECK(WTERMSIG(same_end_of("exit-complete", root).status) == SIGSEGV);
  REQUIRE(journals_in(root).size() == 1);
  CHECK(journals_in(root)[0].state == runlog::JournalState::complete);
  CHECK(journals_in(root)[0].end_reason.empty());
  TemporaryDirectory parents;
  CHECK(same_end_of("exit-child", parents).status == 0);
  const auto journals = journals_in(parents);
  REQUIRE(journals.size() == 2);
  for (const auto& journal : journals) {
    const bool is_child = !journal.parent_session.empty();
    CHECK(journal.state ==
          (is_child ? runlog::JournalState::crashed : runlog::JournalState::complete));
    CHECK(journal.end_reason == (is_child ? "SIGSEGV at address 0x0" : ""));
  }
}

TEST_CASE("quick_exit is named; what leaves no trace has no reason") {
  for (const auto& [how, reason] :
       {std::pair{"quick-exit", "quick_exit"}, std::pair{"_exit", ""}, std::pair{"sigkill", ""}}) {
    INFO(how);
    TemporaryDirectory root;
    (void)same_end_of(how, root);
    CHECK(reason_in(root) == reason);
  }
}

TEST_CASE("a signal that the host survived is no reason of a later death") {
  for (const auto& [how, reason] :
       {std::pair{"returns", ""}, std::pair{"jumps", ""}, std::pair{"jumps-in-thread", ""},
        std::pair{"jumps-then-term", "SIGTERM sent by itself"}}) {
    INFO(how);
    TemporaryDirectory root;
    (void)same_end_of(how, root);
    CHECK(reason_in(root) == reason);
  }
}

TEST_CASE("handlers of the host see what they would have seen, and end the process as they do") {
  for (const char* const how : {"tell", "tell-nodefer"}) {
    INFO(how);
    TemporaryDirectory root;
    const Ending ending = same_end_of(how, root);
    CHECK(std::count(ending.output.begin(), ending.output.end(), '\n') == 3);
    CHECK(reason_in(root).empty());
  }
  for (const char* const how : {"gives-up", "raises-anew", "reset-hand"}) {
    INFO(how);
    TemporaryDirectory root;
    CHECK(WTERMSIG(same_end_of(how, root).status) == SIGSEGV);
    CHECK(reason_in(root).starts_with("SIGSEGV"));
  }
  // Handlers that come after ours.
  for (const char* const how : {"after-saves", "after-calls", "after-calls-short"}) {
    INFO(how);
    TemporaryDirectory root;
    CHECK(WTERMSIG(same_end_of(how, root).status) == SIGTERM);
    CHECK(reason_in(root).starts_with("SIGTERM"));
  }
}

TEST_CASE("a signal that was ignored stays ignored") {
  TemporaryDirectory root;
  CHECK(same_end_of("ignored", root).output == "survived\n");
  CHECK(reason_in(root).empty());
}

TEST_CASE("process 1 is spared what the kernel spares it") {
  TemporaryDirectory root;
  const Ending ending = same_end_of("pid1", root);
  if (WEXITSTATUS(ending.status) == 77) return;  // not allowed here
  CHECK(ending.output == "survived\nchild " + std::to_string(SIGSEGV) + "\n");
  CHECK(reason_in(root).starts_with("SIGSEGV at address 0x0"));
}

TEST_CASE("abort() of process 1 is told as such, whatever ends it") {
  TemporaryDirectory root;
  const Ending ending = same_end_of("pid1-abort", root);
  if (WEXITSTATUS(ending.status) == 77) return;  // not allowed here
  CHECK(reason_in(root).starts_with("SIGABRT"));
}

TEST_CASE(
    "the death of a child with its parent's pid, in a namespace of its own, is not its parent's") {
  TemporaryDirectory root;
  const Ending ending = same_end_of("pid1-child", root);
  if (WEXITSTATUS(ending.status) == 77) return;  // not allowed here
  CHECK(ending.output == "grandchild " + std::to_string(SIGSEGV) + "\nchild 0\n");
  CHECK(reason_in(root).empty());
}

TEST_CASE("an interpreter that comes after the start gets its KeyboardInterrupt") {
  for (const char* const how : {"later", "before"}) {
    INFO(how);
    TemporaryDirectory root;
    Process job({victim("embeds_python"), how, root / "runs"});
    CHECK(job.read_line() == "KeyboardInterrupt");
    CHECK(job.wait().code == 0);
  }
  TemporaryDirectory root;  // one that leaves SIGINT alone
  CHECK(Process({victim("embeds_python"), "without", root / "runs"}).wait().signal == SIGINT);
  CHECK(reason_in(root) == "SIGINT sent by itself");
}

TEST_CASE("a mark that cannot be written changes nothing") {
  for (const char* const how : {"truncated-mark", "truncated-mark-bus"}) {
    INFO(how);
    TemporaryDirectory root;
    CHECK(WIFSIGNALED(same_end_of(how, root).status));
    CHECK(reason_in(root).empty());
  }
}

TEST_CASE("the death of a child is not its parent's") {
  for (const char* const how :
       {"child-segv", "child-abort", "child-throw", "child-_fork", "child-clone", "child-vfork"}) {
    INFO(how);
    TemporaryDirectory root;
    (void)same_end_of(how, root);
    CHECK(journals_in(root).size() == 1);
    CHECK(reason_in(root).empty());
  }
  TemporaryDirectory root;
  (void)end_of("child-logs", root);
  const auto journals = journals_in(root);
  REQUIRE(journals.size() == 2);
  for (const auto& journal : journals) {
    const bool is_child = !journal.parent_session.empty();
    CHECK(journal.end_reason == (is_child ? "SIGSEGV at address 0x0" : ""));
  }
}

TEST_CASE("a hundred runs of one process all have their reason") {
  TemporaryDirectory root;
  (void)end_of("many", root);
  const auto journals = journals_in(root);
  CHECK(journals.size() == 101);
  for (const auto& journal : journals) CHECK(journal.end_reason == "SIGTERM sent by itself");
}

TEST_CASE("marks of runs that ended are used again") {
  TemporaryDirectory root;
  (void)end_of("many-short", root);
  int crashed = 0;
  for (const auto& journal : journals_in(root)) {
    if (journal.state == runlog::JournalState::crashed) ++crashed;
  }
  CHECK(crashed == 1);
}

TEST_CASE("a backtrace names the functions from the fault on, also after recovery") {
  TemporaryDirectory root;
  (void)end_of("segv", root);
  const auto path = journals_in(root).at(0).path;
  const auto report = runlog::read_crash(path);
  REQUIRE(report);
  CHECK(report->signal == SIGSEGV);
  CHECK(report->thread == report->pid);
  CHECK(report->time_ns > 0);
  REQUIRE(report->frames.size() >= 3);
  CHECK(std::filesystem::equivalent(report->frames[0].module, victim("ends")));
  CHECK(report->frames[0].offset < std::filesystem::file_size(victim("ends")));
  // By symbol, with the program at hand.
  const auto [before, text] = test::run_command({test::tool("runlog"), "stat", path});
  CHECK(text.find("crashed: SIGSEGV at address 0x0") != std::string::npos);
  CHECK(text.find("#0 (anonymous namespace)::write_to_null()+0x") != std::string::npos);
  CHECK(text.find(" main+0x") != std::string::npos);
  test::run_command({test::tool("runlog-recover"), "-q", root / "runs"});
  const auto [after, again] = test::run_command({test::tool("runlog"), "stat", path});
  CHECK(again.find("#0 (anonymous namespace)::write_to_null()+0x") != std::string::npos);
}

TEST_CASE("a crash file of any content is survived") {
  TemporaryDirectory root;
  (void)end_of("throw", root);
  const auto path = journals_in(root).at(0).path / "crash";
  std::ifstream source(path, std::ios::binary);
  const std::string good(std::istreambuf_iterator<char>(source), {});
  REQUIRE(good.size() == 16384);  // behind 8192 is the tally of drops
  CHECK(good.substr(7168, 1024).find_first_not_of('\0') == std::string::npos);
  const auto reason_of = [&](const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    return reason_in(root);
  };
  const std::string whole = reason_of(good);
  for (std::size_t at = 0; at < good.size(); at += at < 512 ? 3 : 97) {
    std::string flipped = good;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x41);
    const std::string reason = reason_of(flipped);
    CHECK((reason.empty() || reason == "SIGABRT" || reason == whole));
  }
  for (const std::size_t bytes : {0u, 1u, 127u, 128u, 1000u, 4096u, 8191u}) {
    const std::string reason = reason_of(good.substr(0, bytes));
    CHECK((reason.empty() || reason == "SIGABRT" || reason == whole));
  }
  CHECK(reason_of(good + std::string(1 << 20, 'x')) == whole);
  std::filesystem::remove(path);
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);  // is not waited for
  CHECK(reason_in(root).empty());
}

TEST_CASE("a stop signal sets stop_requested() once, and kills the second time") {
  for (const auto& [then, state, reason] :
       {std::tuple{"e", runlog::JournalState::complete, ""},
        std::tuple{"t", runlog::JournalState::crashed, "SIGTERM sent by itself"},
        std::tuple{"k", runlog::JournalState::crashed,
                   "no trace after SIGTERM sent by itself asked it to stop"}}) {
    INFO(then);
    TemporaryDirectory root;
    Process job({victim("ends"), "stops", root / "runs", "USR1,SIGTERM"});
    CHECK(job.read_line() == "stop 0");
    CHECK(job.read_line() == "stop 1");
    job.write(then);
    CHECK(job.wait().signal == (*then == 'e' ? 0 : *then == 't' ? SIGTERM : SIGKILL));
    CHECK(journals_in(root).at(0).state == state);
    CHECK(journals_in(root).at(0).end_reason == reason);
  }
  for (const char* const how : {"stops-child", "stops-child-session"}) {
    INFO(how);
    TemporaryDirectory parents;
    Process parent({victim("ends"), how, parents / "runs"});
    CHECK(parent.read_line() == "child " + std::to_string(SIGTERM));
    CHECK(parent.wait().code == 0);
  }
  TemporaryDirectory root;
  Process job({victim("ends"), "stops", root / "runs", ""});
  CHECK(job.read_line() == "stop 0");
  CHECK(job.wait().signal == SIGTERM);
  Process wrong({victim("ends"), "stops", root / "runs", "KILL"});
  CHECK(wrong.read_line().find("stop_signals (RUNLOG_STOP_SIGNALS)='KILL'") != std::string::npos);
}

TEST_CASE("a stop signal kills when the run that asked for it has ended") {
  TemporaryDirectory root;
  CHECK(Process({victim("ends"), "stops-no-more", root / "runs"}).wait().signal == SIGTERM);
  CHECK(journals_in(root).at(0).state == runlog::JournalState::complete);
}

TEST_CASE(
    "a daemon that goes on in the place of the job is asked to stop, until its run has ended") {
  TemporaryDirectory root;
  Process job({victim("ends"), "stops-daemon", root / "runs"});
  CHECK(job.wait().code == 0);  // the parent
  job.write("x");
  CHECK(job.read_line() == "stop 1");
  CHECK(job.read_all().empty());
  for (const auto& journal : journals_in(root)) {
    const bool is_daemon = !journal.parent_session.empty();
    CHECK((journal.state == runlog::JournalState::complete) == is_daemon);
  }
}
