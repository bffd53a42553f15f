// A program that ends in each of many ways. Usage: ends HOW ROOT [ARGUMENT]; HOW is a name below or
// a word and a number ("raise 15"). With CONTROL set it does the same without runlog.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "runlog/runlog.hpp"

namespace {

void say(const std::string& line) {
  const std::string text = line + "\n";
  if (::write(STDOUT_FILENO, text.data(), text.size()) < 0) std::_Exit(9);
}

runlog::Run start(const char* root, runlog::Options options = {}) {
  if (std::getenv("CONTROL") != nullptr) return {};
  options.root = root;
  options.segment_bytes = 65536;  // a hundred runs are to have room
  auto run = runlog::start_logging(std::move(options));
  if (!run) {
    say("error " + run.error().message);
    std::_Exit(8);
  }
  run->log("loss", 1.0, 1);
  return *run;
}

[[noreturn]] void kill_self() {
  for (;;) ::raise(SIGKILL);
}

[[gnu::noinline]] int recurse(int depth) {
  std::array<char, 4096> frame{};
  auto* const first = static_cast<volatile char*>(frame.data());
  *first = static_cast<char>(depth);
  return depth < 0 ? 0 : recurse(depth + 1) + *first;
}

[[noreturn]] void throw_now(const char* text) {
  throw std::logic_error(text);
}

[[gnu::noinline]] void write_to_null() {
  volatile int* volatile nowhere = nullptr;
  *nowhere = 1;
}

struct OddError : std::exception {
  const char* what() const noexcept override { return nullptr; }
};
struct LongError : std::exception {
  std::string text = std::string(100'000, 'x');
  const char* what() const noexcept override { return text.c_str(); }
};

struct ProudError : std::exception {  // what() of which is not for a signal handler
  const char* what() const noexcept override { std::_Exit(9); }
};

template <typename Error>
void abort_in_catch(const Error& error) {
  try {
    throw error;
  } catch (const std::exception&) {
    std::abort();
  }
}

// Does something when static objects are destroyed, later than the run that it was made before.
struct EarlyStatic {
  void (*work)() = nullptr;
  ~EarlyStatic() {
    if (work != nullptr) work();
  }
} early_static;
runlog::Run global_run;

void refuse_getppid() {
  std::array<sock_filter, 4> program = {{
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},  // the number of the call
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_getppid},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_TRAP},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  }};
  sock_fprog filter{.len = program.size(), .filter = program.data()};
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) std::_Exit(77);
}

void set_timer(__itimer_which which) {
  const itimerval soon{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_usec = 1000}};
  ::setitimer(which, &soon, nullptr);
  if (which == ITIMER_REAL) {
    for (;;) ::pause();
  }
  for (volatile bool goes_on = true; goes_on;) {
  }
}

void set_limit(__rlimit_resource what, rlim_t value) {
  rlimit limit{};
  ::getrlimit(what, &limit);
  limit.rlim_cur = value;
  ::setrlimit(what, &limit);
}

sigjmp_buf back;

[[gnu::noinline]] void fault_and_jump() {
  if (sigsetjmp(back, 1) == 0) write_to_null();
}

[[gnu::noinline]] pid_t vfork_and_die() {
  const pid_t child = ::vfork();  // NOLINT: what is tested
  if (child == 0) {
    ::kill(::getpid(), SIGTERM);
    ::_exit(9);
  }
  return child;
}

std::array<struct sigaction, 65> saved;

void act(int signal, void (*handler)(int, siginfo_t*, void*), int flags, int also_blocked = 0) {
  struct sigaction action {};
  action.sa_sigaction = handler;
  action.sa_flags = flags | SA_SIGINFO;
  if (also_blocked != 0) ::sigaddset(&action.sa_mask, also_blocked);
  ::sigaction(signal, &action, &saved[static_cast<std::size_t>(signal)]);
}

// Says all that a handler of the host can see, for comparison.
void tell(int signal, siginfo_t* info, void* context) {
  sigset_t blocked;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
  stack_t stack{};
  ::sigaltstack(nullptr, &stack);
  const auto* const interrupted = static_cast<const ucontext_t*>(context);
  say("signal " + std::to_string(signal) + " code " + std::to_string(info->si_code) +
      " from self " + std::to_string(info->si_pid == ::getpid()) + " value " +
      std::to_string(info->si_value.sival_int) + " blocks itself " +
      std::to_string(::sigismember(&blocked, signal)) + " blocks usr1 " +
      std::to_string(::sigismember(&blocked, SIGUSR1)) + " on another stack " +
      std::to_string((stack.ss_flags & SS_ONSTACK) != 0) + " context " +
      std::to_string(interrupted != nullptr &&
                     ::sigismember(&interrupted->uc_sigmask, SIGUSR2) == 1));
}

int by_number(const std::string& how, int number) {
  if (how == "raise") ::raise(number);
  if (how == "kill") ::kill(::getpid(), number);
  if (how == "queue") ::sigqueue(::getpid(), number, {.sival_int = 7});
  if (how == "tgkill") {
    std::thread([number] {
      ::syscall(SYS_tgkill, ::getpid(), ::syscall(SYS_gettid), number);
    }).join();
  }
  if (how == "other") {  // from another process
    const pid_t parent = ::getpid();
    if (::fork() == 0) {
      ::prctl(PR_SET_NAME, "killer");
      ::kill(parent, number);
      std::_Exit(0);
    }
    for (;;) ::pause();
  }
  // What was sent to the process may be taken by a thread that is just starting.
  ::poll(nullptr, 0, 10'000);
  return 3;  // survived
}

int once(const std::string& how, const char* root) {
  // What the host does before runlog starts.
  if (how == "returns" || how == "jumps" || how == "jumps-then-term" || how == "jumps-in-thread") {
    act(
        SIGSEGV, [](int, siginfo_t*, void*) { ::siglongjmp(back, 1); }, 0);
    if (how == "returns")
      act(
          SIGSEGV, [](int, siginfo_t*, void*) {}, 0);
  }
  if (how == "many-short")
    act(
        SIGSEGV, [](int, siginfo_t*, void*) {}, 0);
  if (how == "gives-up") {  // as most crash reporters do
    act(
        SIGSEGV,
        [](int signal, siginfo_t*, void*) {
          say("reported");
          ::signal(signal, SIG_DFL);
        },
        0);
  }
  if (how == "raises-anew") {
    act(
        SIGSEGV,
        [](int signal, siginfo_t*, void*) {
          ::signal(signal, SIG_DFL);
          ::raise(signal);
        },
        0);
  }
  if (how == "reset-hand") {
    act(
        SIGSEGV, [](int, siginfo_t*, void*) { say("reported"); }, static_cast<int>(SA_RESETHAND));
  }
  if (how.starts_with("tell")) {
    sigset_t usr2;
    ::sigemptyset(&usr2);
    ::sigaddset(&usr2, SIGUSR2);
    ::pthread_sigmask(SIG_BLOCK, &usr2, nullptr);
    act(SIGSEGV, &tell, how == "tell-nodefer" ? static_cast<int>(SA_NODEFER) : 0, SIGUSR1);
    act(SIGTERM, &tell, 0);
  }
  if (how == "ignored") ::signal(SIGHUP, SIG_IGN);
  if (how.starts_with("pid1")) {  // as in a container
    if (::unshare(CLONE_NEWPID) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) return 77;
    if (const pid_t child = ::fork(); child != 0) {
      int status = 0;
      ::waitpid(child, &status, 0);
      say("child " + std::to_string(WIFSIGNALED(status) ? WTERMSIG(status) : 0));
      return 0;
    }
  }

  runlog::Run run = start(root);

  if (how == "alarm") set_timer(ITIMER_REAL);
  if (how == "vtalrm") set_timer(ITIMER_VIRTUAL);
  if (how == "prof") set_timer(ITIMER_PROF);
  if (how == "pipe") {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) return 9;
    ::close(ends[0]);
    return ::write(ends[1], "x", 1) < 0 ? 3 : 4;
  }
  if (how == "xfsz") {
    const int fd = ::open((std::string(root) + ".file").c_str(), O_WRONLY | O_CREAT, 0600);
    set_limit(RLIMIT_FSIZE, 100);
    std::array<char, 200> text{};
    return ::write(fd, text.data(), text.size()) == 100 && ::write(fd, text.data(), 1) < 0 ? 3 : 4;
  }
  if (how == "xcpu") {
    set_limit(RLIMIT_CPU, 1);
    for (volatile bool goes_on = true; goes_on;) {
    }
  }
  if (how == "seccomp") {
    refuse_getppid();
    ::syscall(SYS_getppid);
    return 3;
  }
  if (how == "segv") write_to_null();
  if (how == "bus") {
    const int fd = ::open((std::string(root) + ".file").c_str(), O_RDWR | O_CREAT, 0600);
    auto* const page = static_cast<volatile char*>(
        ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    page[0] = 1;
  }
  if (how == "fpe") ::raise(SIGFPE);
#if defined(__x86_64__)
  if (how == "trap") __asm__ volatile("int3");
  if (how == "ill") __asm__ volatile("ud2");
#else
  if (how == "trap") ::raise(SIGTRAP);
  if (how == "ill") ::raise(SIGILL);
#endif
  if (how == "call-null") {
    void (*volatile nothing)() = nullptr;
    nothing();
  }
  if (how == "abort") std::abort();
  if (how == "throw") throw std::runtime_error("out of device memory");
  if (how == "throw-int") throw 7;
  if (how == "throw-odd") throw OddError();
  if (how == "throw-long") throw LongError();
  if (how == "throw-thread") {
    std::thread([] {
      ::pthread_setname_np(::pthread_self(), "loader");
      throw std::runtime_error("out of device memory");
    }).join();
  }
  if (how == "terminate") std::terminate();
  if (how == "abort-in-catch") abort_in_catch(std::out_of_range("no such layer"));
  if (how == "abort-in-catch-proud") abort_in_catch(ProudError());
  if (how == "later-terminate") {
    std::set_terminate([] { std::abort(); });
    []() noexcept { throw_now("left a noexcept function"); }();
  }
  if (how.starts_with("exit-")) {
    global_run = run;
    early_static.work = [] { write_to_null(); };
    if (how == "exit-abort") early_static.work = [] { std::abort(); };
    if (how == "exit-throw") early_static.work = []() noexcept { throw_now("at the end"); };
    if (how == "exit-child") {
      early_static.work = [] {
        if (::fork() == 0) {
          global_run.log("loss", 0.5, 2);
          write_to_null();
        }
        ::wait(nullptr);
      };
    }
    if (how == "exit-complete") run.complete();
    std::exit(how == "exit-abort" ? 3 : 0);
  }
  if (how == "noexcept") []() noexcept { throw_now("left a noexcept function"); }();
  if (how == "stack") return recurse(0);
  if (how == "stack-thread") {
    std::thread([&run] {
      run.log("loss", 0.5, 2);
      recurse(0);
    }).join();
  }
  if (how == "broken-stack") {
    // The stack pointer's memory is good, what the frames say is not.
    std::thread([] {
      auto* const frame = static_cast<std::uintptr_t*>(__builtin_frame_address(0));
      for (int i = 0; i < 64; ++i) frame[i] = 0x4141414141414141u;
      write_to_null();
    }).join();
  }
  if (how == "pid1") {
    for (const int signal : {SIGTERM, SIGABRT, SIGSEGV}) ::raise(signal);
    say("survived");
    write_to_null();
  }
  if (how == "pid1-abort") std::abort();
  if (how == "pid1-child") {  // which is process 1, too, of its own
    const auto child = static_cast<pid_t>(::syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0));
    if (child == 0) {
      if (::getpid() != 1) ::_exit(9);
      write_to_null();
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    say("grandchild " + std::to_string(WIFSIGNALED(status) ? WTERMSIG(status) : 0));
    ::_exit(5);
  }
  if (how == "truncated-mark") {
    if (run) std::filesystem::resize_file(run.journal_path() / "crash", 0);
    ::raise(SIGTERM);
  }
  if (how == "truncated-mark-bus") {
    if (run) std::filesystem::resize_file(run.journal_path() / "crash", 0);
    ::raise(SIGBUS);
  }
  if (how == "quick-exit") std::quick_exit(5);
  if (how == "_exit") ::_exit(5);
  if (how == "sigkill") kill_self();

  if (how == "returns") {
    ::raise(SIGSEGV);
    say("survived");
    kill_self();
  }
  if (how == "jumps" || how == "jumps-then-term") {
    fault_and_jump();
    run.log("loss", 0.5, 2);
    say("survived");
    if (how == "jumps-then-term") ::raise(SIGTERM);
    kill_self();
  }
  if (how == "jumps-in-thread") {  // which ends
    std::thread([&run] {
      run.log("loss", 0.5, 2);
      fault_and_jump();
    }).join();
    kill_self();
  }
  if (how == "gives-up" || how == "raises-anew" || how == "reset-hand") write_to_null();
  if (how.starts_with("tell")) {
    ::raise(SIGSEGV);
    ::sigqueue(::getpid(), SIGSEGV, {.sival_int = 7});
    ::raise(SIGTERM);
    kill_self();
  }
  if (how == "ignored") {
    ::raise(SIGHUP);
    say("survived");
    kill_self();
  }
  if (how == "after-saves") {  // a handler that comes later, and gives back what it found
    act(
        SIGTERM, [](int, siginfo_t*, void*) {}, 0);
    ::raise(SIGTERM);
    ::sigaction(SIGTERM, &saved[SIGTERM], nullptr);
    ::raise(SIGTERM);
  }
  if (how == "after-calls") {  // … and calls it
    act(
        SIGTERM,
        [](int signal, siginfo_t* info, void* context) {
          const struct sigaction& before = saved[SIGTERM];
          if ((before.sa_flags & SA_SIGINFO) != 0)
            return before.sa_sigaction(signal, info, context);
          ::signal(signal, SIG_DFL);
          ::raise(signal);
        },
        0);
    ::raise(SIGTERM);
  }
  if (how == "after-calls-short") {  // as with what signal() returns
    static void (*before)(int) = nullptr;
    before = ::signal(SIGTERM, [](int signal) {
      if (before != SIG_DFL) return before(signal);
      ::signal(signal, SIG_DFL);
      ::raise(signal);
    });
    ::raise(SIGTERM);
  }
  if (how == "many") {
    std::vector<runlog::Run> runs;
    for (int i = 0; i < 100; ++i) runs.push_back(start(root));
    ::raise(SIGTERM);
  }
  if (how == "many-short") {  // runs come and go while signals are met
    std::atomic<bool> is_over = false;
    std::thread other([&] {
      while (!is_over) ::raise(SIGSEGV);
    });
    for (int i = 0; i < 20; ++i) (void)start(root);
    is_over = true;
    other.join();
    ::raise(SIGTERM);
  }
  if (how.starts_with("child-")) {
    const pid_t child = how == "child-_fork" ? ::_Fork()
                        : how == "child-clone"
                            ? static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0))
                        : how == "child-vfork" ? vfork_and_die()
                                               : ::fork();
    if (child == 0) {
      if (how == "child-logs") run.log("loss", 0.25, 3);
      if (how == "child-abort") std::abort();
      if (how == "child-throw") []() noexcept { throw_now("in the child"); }();
      write_to_null();
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    say("child " + std::to_string(WIFSIGNALED(status) ? WTERMSIG(status) : 0));
    kill_self();
  }
  return 0;
}

// A child of a run that can be asked to stop is ended by the same signal, in whatever session.
int stops_child(const char* root, bool leaves_session) {
  auto run = start(root, {.stop_signals = "TERM"});
  const pid_t child = ::fork();
  if (child == 0) {
    if (leaves_session) ::setsid();
    run.log("loss", 0.5, 2);
    ::raise(SIGTERM);
    ::_exit(3);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  say("child " + std::to_string(WIFSIGNALED(status) ? WTERMSIG(status) : 0));
  run.complete();
  return 0;
}

// A daemon that has taken the place of the job is asked to stop as the job would be; until its run
// has ended.
int stops_daemon(const char* root) {
  auto run = start(root, {.stop_signals = "TERM,USR1"});
  if (::daemon(1, 1) != 0) return 9;
  run.log("loss", 0.5, 2);
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) < 0) {  // until its parent is gone
  }
  ::raise(SIGTERM);
  say("stop " + std::to_string(run.stop_requested()));
  run.complete();
  ::raise(SIGUSR1);
  say("survived");
  return 3;
}

// When the run has ended, the signal does again what it does without us.
int stops_no_more(const char* root) {
  auto run = start(root, {.stop_signals = "TERM"});
  run.complete();
  ::raise(SIGTERM);
  return 3;
}

// Waits to be told to stop, once or twice.
int stops(const char* root, const std::string& signals) {
  auto run = start(root, {.stop_signals = signals});
  say("stop " + std::to_string(run.stop_requested()));
  ::raise(SIGTERM);
  say("stop " + std::to_string(run.stop_requested()));
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) < 0) {
  }
  if (byte == 'k') kill_self();
  if (byte == 't') ::raise(SIGTERM);
  run.complete();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const std::string how = argv[1];
  if (how.starts_with("stops-child")) return stops_child(argv[2], how == "stops-child-session");
  if (how == "stops-daemon") return stops_daemon(argv[2]);
  if (how == "stops-no-more") return stops_no_more(argv[2]);
  if (how == "stops") return stops(argv[2], argc > 3 ? argv[3] : "");
  const std::size_t space = how.find(' ');
  if (space == std::string::npos) return once(how, argv[2]);
  const auto run = start(argv[2]);
  return by_number(how.substr(0, space), std::atoi(how.c_str() + space + 1));
}
