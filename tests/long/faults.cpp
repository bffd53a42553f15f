// Breaks system calls of a job and of its recovery, one after the other, and wants the books of
// each to close. See docs/testing.md; `faults --help` has the options.
//
// A case is PHASE:CALL:FAULT:N:LENGTH. The N-th CALL of each thread, and LENGTH - 1 behind it, or
// all
// (+), fail with the error FAULT, or the process is killed in it (KILL). strace does that. PHASE:
//   writer    the job: two threads that log, a keeper and a shipper; a plain recovery follows
//   recovery  the recovery of a job that was killed; a plain one follows
//   again     the same, but an earlier recovery was killed somewhere
// Which calls there are, and how many, a run of each phase without faults shows first. Cases are
// taken at random, one of each call in turn, until there are none or the time is over.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "support/acknowledged.hpp"
#include "support/books.hpp"
#include "support/killed.hpp"
#include "support/process.hpp"

namespace fs = std::filesystem;
using test::Acknowledged;

namespace {

constexpr const char* kUsage =
    "faults [--seconds S] [--seed N] [--phase NAME] [--call NAME] [--case CASE]\n"
    "  --seconds S   stop after so long; 0: when there are no more cases (default: 60)\n"
    "  --seed N      another order (default: 1)\n"
    "  --phase NAME  only writer, recovery or again\n"
    "  --call NAME   only this system call\n"
    "  --case CASE   only this one, as a failure prints it\n";

/// A process that has not ended by then hangs.
constexpr const char* kTime_limit = "30";
constexpr const char* kRecords = "3000";

// What the C library or the victim itself cannot live without, and what cannot fail.
const std::set<std::string> kNever_failing = {"arch_prctl",
                                              "brk",
                                              "clone",
                                              "clone3",
                                              "execve",
                                              "exit",
                                              "exit_group",
                                              "futex",
                                              "getpid",
                                              "getppid",
                                              "gettid",
                                              "getuid",
                                              "geteuid",
                                              "mprotect",
                                              "munmap",
                                              "prctl",
                                              "prlimit64",
                                              "restart_syscall",
                                              "rseq",
                                              "rt_sigaction",
                                              "rt_sigpending",
                                              "rt_sigprocmask",
                                              "rt_sigreturn",
                                              "rt_sigtimedwait",
                                              "sched_yield",
                                              "set_robust_list",
                                              "set_tid_address",
                                              "sigaltstack",
                                              "uname",
                                              "wait4",
                                              "clock_nanosleep"};
const std::set<std::string> kNever_killed = {"execve", "exit_group"};
// The victim's own memory comes from them.
const std::set<std::string> kMay_abort = {"mmap", "madvise"};

std::vector<std::string> errors_of(const std::string& call) {
  if (kNever_failing.contains(call)) return {};
  if (call == "mmap" || call == "madvise" || call == "membarrier") return {"ENOMEM"};
  if (call == "getrandom") return {"ENOSYS"};
  if (call == "sched_setscheduler" || call == "setpriority") return {"EPERM"};
  if (call == "openat") return {"EIO", "ENOSPC", "EACCES", "EMFILE", "ENOMEM", "EINTR"};
  return {"EIO", "ENOSPC", "EACCES", "ENOMEM", "EINTR"};
}

struct Case {
  std::string phase;
  std::string call;
  std::string fault;
  int number = 1;
  std::string length = "1";

  [[nodiscard]] std::string text() const {
    return phase + ":" + call + ":" + fault + ":" + std::to_string(number) + ":" + length;
  }
  /// For strace.
  [[nodiscard]] std::string injection() const {
    std::string when = std::to_string(number);
    if (length == "+") when += "+";
    if (length != "+" && length != "1") {
      when += ".." + std::to_string(number + std::atoi(length.c_str()) - 1);
    }
    return "inject=" + call + (is_kill() ? ":signal=" : ":error=") + fault + ":when=" + when;
  }
  [[nodiscard]] bool is_kill() const { return fault == "KILL"; }
};

struct Options {
  double seconds = 60;
  unsigned seed = 1;
  std::string phase;
  std::string call;
  std::string only;
};

using Environment = std::vector<std::pair<std::string, std::string>>;

Environment quick() {
  return {{"RUNLOG_SEGMENT_BYTES", "64KiB"},
          {"RUNLOG_PACK_BYTES", "64KiB"},
          {"RUNLOG_SYNC_INTERVAL", "10ms"},
          {"RUNLOG_SHIP_INTERVAL", "100ms"},
          {"RUNLOG_FINISH_DEADLINE", "2s"}};
}

// Where one case works, and what came of it.
struct Place {
  explicit Place(const fs::path& directory)
      : root(directory / "runs"),
        store(directory / "store"),
        notes(directory / "notes"),
        log(directory / "strace") {
    fs::create_directories(directory);
  }
  fs::path root, store, notes, log;
};

class Phases {
 public:
  explicit Phases(const fs::path& scratch, unsigned seed) : scratch_(scratch), random_(seed) {
    Place dead(scratch / "dead");
    acknowledged_dead_ = test::map_acknowledged(dead.notes);
    // Much of it is not packed yet.
    auto environment = quick();
    environment.emplace_back("RUNLOG_STORE", dead.store);
    test::Process job(killable(dead, "files", "1000000"), environment);
    while (acknowledged_dead_->total() < 4000 && job.is_running()) ::usleep(100);
    job.kill(SIGKILL);
    (void)job.wait();
  }

  /// How often a phase makes each call: by the thread that makes most.
  std::map<std::string, int> calls(const std::string& phase) {
    Place place(fresh());
    const auto exit = run(phase, place, {"-e", "trace=all"});
    if (exit.code != 0) fail_setup(phase + " without faults exits with " + shown(exit));
    std::map<std::pair<std::string, std::string>, int> by_thread;
    std::ifstream lines(place.log);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string thread;
      std::string rest;
      words >> thread >> rest;
      const auto end = rest.find('(');
      if (end != std::string::npos) ++by_thread[{thread, rest.substr(0, end)}];
    }
    std::map<std::string, int> most;
    for (const auto& [key, count] : by_thread) most[key.second] = std::max(most[key.second], count);
    return most;
  }

  /// Empty, or what is wrong. `is_hit`: the fault came by.
  std::string problem_with(const Case& one, bool& is_hit) {
    Place place(fresh());
    const auto exit = run(one.phase, place, {"-e", "trace=" + one.call, "-e", one.injection()});
    is_hit = was_hit(place, one, exit);
    if (exit.code == 124) {
      kill_leftovers(place);
      return is_unreal(place) ? "" : "it hangs";
    }
    return one.phase == "writer" ? after_writer(one, place, exit)
                                 : after_recovery(one, place, exit);
  }
  [[nodiscard]] fs::path directory() const { return scratch_ / "case"; }

 private:
  static std::vector<std::string> killable(const Place& place, const std::string& extra,
                                           const std::string& records) {
    return {test::victim("killable"), place.root, place.notes, "2", "tight", extra, records};
  }
  static std::vector<std::string> recover(const Place& place) {
    return {
        test::tool("runlog-recover"), place.root, "--store", place.store, "-q", "--timeout", "3"};
  }

  fs::path fresh() {
    fs::remove_all(directory());
    return directory();
  }

  // To be followed by the program. With its filter strace 6.1 injects no signals.
  static std::vector<std::string> strace(const Place& place, bool is_kill,
                                         const std::vector<std::string>& what) {
    std::vector<std::string> command = {"/usr/bin/timeout", kTime_limit, "strace", "-f", "-qq"};
    if (!is_kill) command.emplace_back("--seccomp-bpf");
    command.insert(command.end(), {"-o", place.log});
    command.insert(command.end(), what.begin(), what.end());
    return command;
  }

  test::Exit run(const std::string& phase, const Place& place,
                 const std::vector<std::string>& injection) {
    const bool is_kill = injection.back().find("signal=") != std::string::npos;
    std::vector<std::string> command = strace(place, is_kill, injection);
    auto environment = quick();
    std::vector<std::string> program;
    if (phase == "writer") {
      // The victim would take a failure of its own files for one of ours.
      program = killable(place, is_kill ? "files" : "plain", kRecords);
      environment.emplace_back("RUNLOG_STORE", place.store);
      (void)test::map_acknowledged(place.notes);
    } else {
      for (const char* const part : {"runs", "store"}) {
        if (fs::exists(scratch_ / "dead" / part)) {
          fs::copy(scratch_ / "dead" / part, directory() / part, fs::copy_options::recursive);
        }
      }
      if (phase == "again") kill_a_recovery(place);
      program = recover(place);
    }
    command.insert(command.end(), program.begin(), program.end());
    environment.emplace_back("RUNLOG_CRASH_AT", "nowhere");
    return test::run_command(command, environment).first;
  }

  void kill_a_recovery(const Place& place) {
    static const std::vector<std::string> kCalls = {"openat", "renameat2", "rename",  "fdatasync",
                                                    "fsync",  "unlink",    "pwrite64"};
    const Case first{.phase = "again",
                     .call = kCalls[random_() % kCalls.size()],
                     .fault = "KILL",
                     .number = static_cast<int>(1 + random_() % 20)};
    auto command = strace(place, true, {"-e", "trace=" + first.call, "-e", first.injection()});
    const auto program = recover(place);
    command.insert(command.end(), program.begin(), program.end());
    (void)test::run_command(command);
  }

  static bool was_hit(const Place& place, const Case& one, const test::Exit& exit) {
    if (one.is_kill()) return exit.signal == SIGKILL;
    std::ifstream lines(place.log);
    for (std::string line; std::getline(lines, line);) {
      if (line.find("(INJECTED)") != std::string::npos) return true;
    }
    return false;
  }

  // A write to an eventfd, which cannot fail.
  static bool is_unreal(const Place& place) {
    std::ifstream lines(place.log);
    for (std::string line; std::getline(lines, line);) {
      const bool is_hit = line.find("(INJECTED)") != std::string::npos;
      if (is_hit && line.find("\"\\1\\0\\0\\0\\0\\0\\0\\0\", 8)") != std::string::npos) return true;
    }
    return false;
  }

  // strace lets them go when it is ended; they are in its log.
  static void kill_leftovers(const Place& place) {
    std::set<pid_t> threads;
    std::ifstream lines(place.log);
    for (std::string line; std::getline(lines, line);) threads.insert(std::atoi(line.c_str()));
    for (const pid_t thread : threads) {
      const fs::path program = fs::path("/proc") / std::to_string(thread) / "exe";
      std::error_code failed;
      const auto target = fs::read_symlink(program, failed);
      if (!failed && target.native().starts_with(test::victim(""))) ::kill(thread, SIGKILL);
      if (!failed && target.native().starts_with(test::tool(""))) ::kill(thread, SIGKILL);
    }
  }

  static std::string after_writer(const Case& one, const Place& place, const test::Exit& exit) {
    const auto* const acknowledged = test::map_acknowledged(place.notes);
    test::Books books = test::books_of(*acknowledged);
    const bool has_started = acknowledged->total() > 0;
    books.is_killed = !acknowledged->has_ended;
    if (one.is_kill()) {
      books.dropped = 0;
      if (exit.code != 0 && exit.signal != SIGKILL) return "the job ends with " + shown(exit);
    } else if (exit.signal == SIGABRT && kMay_abort.contains(one.call)) {
      books.was_dropping = true;
    } else if (exit.signal != 0 || (has_started && exit.code != 0)) {
      return "the job ends with " + shown(exit);
    }
    const auto recovered = test::run_command(recover(place)).first;
    // 1: there is no journal. 3: drops are told.
    const bool is_ok = recovered.code == 0 || (recovered.code == 3 && books.dropped != 0) ||
                       (recovered.code == 1 && !has_started);
    if (!is_ok) return "the recovery ends with " + shown(recovered);
    return problem_with_store(place, *acknowledged, books);
  }

  std::string after_recovery(const Case& one, const Place& place, const test::Exit& exit) const {
    if (exit.signal != 0 && !(one.is_kill() && exit.signal == SIGKILL) &&
        !(exit.signal == SIGABRT && kMay_abort.contains(one.call))) {
      return "the recovery ends with " + shown(exit);
    }
    for (int time = 0; time < 2; ++time) {
      const auto recovered = test::run_command(recover(place)).first;
      if (recovered.code != 0) return "the next recovery ends with " + shown(recovered);
    }
    test::Books books = test::books_of(*acknowledged_dead_);
    books.is_killed = true;
    books.dropped = 0;
    return problem_with_store(place, *acknowledged_dead_, books);
  }

  static std::string problem_with_store(const Place& place, const Acknowledged& acknowledged,
                                        const test::Books& books) {
    if (!fs::exists(place.store)) {
      return acknowledged.total() == 0 ? "" : "there is no store";
    }
    if (test::packs_below(place.store).empty() && acknowledged.total() == 0) return {};
    const auto contents = test::read(place.store);
    if (auto problem = test::problem_with_books(contents, books); !problem.empty()) return problem;
    if (auto problem = test::problem_with_verify(contents, place.store); !problem.empty()) {
      return problem;
    }
    if (acknowledged.files.load() == 0) return {};
    return test::problem_with(contents, acknowledged, place.store);
  }

  static std::string shown(const test::Exit& exit) {
    return exit.signal != 0 ? "signal " + std::to_string(exit.signal)
                            : "status " + std::to_string(exit.code);
  }
  [[noreturn]] static void fail_setup(const std::string& why) {
    std::fprintf(stderr, "faults: %s\n", why.c_str());
    std::exit(2);
  }

  fs::path scratch_;
  std::mt19937 random_;
  Acknowledged* acknowledged_dead_ = nullptr;
};

// The cases of one call of a phase, in random order.
std::vector<Case> cases_of(const std::string& phase, const std::string& call, int count,
                           std::mt19937& random) {
  std::vector<Case> cases;
  for (int number = 1; number <= count; ++number) {
    for (const std::string& error : errors_of(call)) {
      for (const std::string length : {"1", "20", "+"}) {
        // Who is interrupted for ever tries for ever.
        if (error == "EINTR" && length == "+") continue;
        cases.push_back({phase, call, error, number, length});
      }
    }
    if (!kNever_killed.contains(call)) cases.push_back({phase, call, "KILL", number, "1"});
  }
  std::shuffle(cases.begin(), cases.end(), random);
  return cases;
}

bool parse_case(const std::string& text, Case& one) {
  std::istringstream words(text);
  std::string number;
  if (!std::getline(words, one.phase, ':') || !std::getline(words, one.call, ':') ||
      !std::getline(words, one.fault, ':') || !std::getline(words, number, ':') ||
      !std::getline(words, one.length)) {
    return false;
  }
  one.number = std::atoi(number.c_str());
  return one.number > 0;
}

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const char* const value = argv[i + 1];
    if (name == "--seconds") {
      options.seconds = std::atof(value);
    } else if (name == "--seed") {
      options.seed = static_cast<unsigned>(std::strtoul(value, nullptr, 10));
    } else if (name == "--phase") {
      options.phase = value;
    } else if (name == "--call") {
      options.call = value;
    } else if (name == "--case") {
      options.only = value;
    } else {
      return false;
    }
  }
  return argc % 2 == 1;
}

struct Count {
  int cases = 0;
  int hits = 0;
};

bool check(Phases& phases, const Case& one, unsigned seed, Count& count) {
  bool is_hit = false;
  std::string problem;
  try {
    problem = phases.problem_with(one, is_hit);
  } catch (const std::exception& error) {
    problem = error.what();
  }
  ++count.cases;
  count.hits += is_hit ? 1 : 0;
  if (problem.empty()) return true;
  std::printf(
      "FAILED: %s\n  %s\n  what it left is in %s\n  again: tests/long/run --seed %u --case %s\n",
      one.text().c_str(), problem.c_str(), phases.directory().c_str(), seed, one.text().c_str());
  return false;
}

int run_all(Phases& phases, const Options& options) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  std::mt19937 random(options.seed);
  std::vector<std::vector<Case>> queues;
  std::size_t known = 0;
  for (const std::string phase : {"writer", "recovery", "again"}) {
    if (!options.phase.empty() && options.phase != phase) continue;
    for (const auto& [call, count] : phases.calls(phase)) {
      if (!options.call.empty() && options.call != call) continue;
      queues.push_back(cases_of(phase, call, count, random));
      known += queues.back().size();
    }
  }
  std::shuffle(queues.begin(), queues.end(), random);
  std::map<std::string, Count> counts;
  Count all;
  int status = 0;
  bool is_over = false;
  for (std::size_t round = 0; !is_over; ++round) {
    is_over = true;
    for (const auto& queue : queues) {
      const std::chrono::duration<double> passed = Clock::now() - begin;
      if (options.seconds > 0 && passed.count() > options.seconds) {
        is_over = true;
        break;
      }
      if (round >= queue.size()) continue;
      is_over = false;
      const Case& one = queue[round];
      Count& count = counts[one.phase + (one.is_kill() ? ", killed" : ", errors")];
      const int hits = count.hits;
      const bool is_ok = check(phases, one, options.seed, count);
      ++all.cases;
      all.hits += count.hits - hits;
      if (!is_ok) {
        status = 1;
        is_over = true;
        break;
      }
    }
  }
  const std::chrono::duration<double> passed = Clock::now() - begin;
  std::printf("seed %u, %.0f s: %d of %zu cases of %zu calls; %d faults injected\n", options.seed,
              passed.count(), all.cases, known, queues.size(), all.hits);
  if (all.cases > 0 && all.hits == 0) {
    std::printf("no fault was injected at all: strace does not do its work here\n");
    status = 2;
  }
  for (const auto& [what, count] : counts) {
    std::printf("  %s: %d cases, %d hit\n", what.c_str(), count.cases, count.hits);
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  if (test::run_command({"/usr/bin/env", "strace", "-V"}).first.code != 0) {
    std::fputs("faults: there is no strace; tests/long/run installs it\n", stderr);
    return 77;
  }
  const char* const base = std::getenv("TMPDIR");
  std::string scratch = std::string(base != nullptr ? base : "/tmp") + "/runlog-faults-XXXXXX";
  if (::mkdtemp(scratch.data()) == nullptr) return 2;
  int status = 0;
  {
    Phases phases(scratch, options.seed);
    Case one;
    Count count;
    if (options.only.empty()) {
      status = run_all(phases, options);
    } else if (parse_case(options.only, one)) {
      status = check(phases, one, options.seed, count) ? 0 : 1;
      std::printf("%s: %s\n", one.text().c_str(), count.hits > 0 ? "hit" : "not hit");
    } else {
      std::fputs(kUsage, stderr);
      status = 2;
    }
  }
  if (status == 0) fs::remove_all(scratch);
  return status;
}
