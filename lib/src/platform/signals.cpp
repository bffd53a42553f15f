#include "platform/signals.hpp"

#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <utility>

#include "platform/fork.hpp"
#include "platform/memory_probe.hpp"
#include "platform/process_key.hpp"

namespace runlog {
namespace {

constexpr std::size_t kSignals = 65;

constexpr std::array kFaults = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
constexpr std::array<std::pair<std::string_view, int>, 15> kRequests = {{{"HUP", SIGHUP},
                                                                         {"INT", SIGINT},
                                                                         {"QUIT", SIGQUIT},
                                                                         {"USR1", SIGUSR1},
                                                                         {"USR2", SIGUSR2},
                                                                         {"TERM", SIGTERM},
                                                                         {"PWR", SIGPWR},
                                                                         {"XCPU", SIGXCPU},
                                                                         {"XFSZ", SIGXFSZ},
                                                                         {"PIPE", SIGPIPE},
                                                                         {"ALRM", SIGALRM},
                                                                         {"VTALRM", SIGVTALRM},
                                                                         {"PROF", SIGPROF},
                                                                         {"IO", SIGIO},
                                                                         {"STKFLT", SIGSTKFLT}}};
constexpr std::size_t kCan_ask_to_stop = 8;  // the first of them

// CPython makes SIGINT its KeyboardInterrupt only where its action is the default when it is
// initialised, and else leaves it alone for good.
bool python_is_to_come() noexcept {
  void* const found = ::dlsym(RTLD_DEFAULT, "Py_IsInitialized");
  return found != nullptr && reinterpret_cast<int (*)()>(found)() == 0;
}

// What was there before us. `action` is written before our handler is in place and then stays.
struct Before {
  struct sigaction action = {};
  // It was for one time (SA_RESETHAND), which has been, or the host took it away: the default.
  std::atomic<bool> is_gone = false;
};
constinit std::array<Before, kSignals> before = {};
constinit std::atomic<std::uint64_t> is_ours = 0;  // bit: installed at least once

constinit std::atomic<RepairFault> repair_fault = nullptr;
constinit std::atomic<MarkSignal> mark_signal = nullptr;
constinit std::atomic<WithdrawMark> withdraw_mark = nullptr;
constinit std::atomic<LeaveMarking> leave_marking = nullptr;
constinit std::atomic<MarkStop> mark_stop = nullptr;

constinit std::atomic<std::uint64_t> stop_signals = 0;
constinit std::atomic<std::uint64_t> stops_seen = 0;
constinit std::atomic<std::uint64_t> stop_process = 0;  // who asked for it, by process_key()
constinit std::atomic<pid_t> stop_session = 0;          // in which it did
// How many runs ask for each signal. Guarded by install_mutex.
constinit std::array<std::uint32_t, 64> stop_askers = {};

constinit ForkWiped<std::mutex> install_mutex;

constexpr std::uint64_t bit(int signal) noexcept {
  return std::uint64_t{1} << static_cast<unsigned>(signal);
}

bool has_default(const struct sigaction& action) noexcept {
  return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_DFL;
}
bool is_ignored(const struct sigaction& action) noexcept {
  return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_IGN;
}

// The default action, in the state in which the signal was met: it is set, and the same signal,
// with the same information, is sent to this thread once more. While it is blocked, as in its
// handler, it stays pending and acts when the handler has returned and the registers are what they
// were: so a core file shows what it would have shown. A fault would happen again by itself, but
// not each that the kernel raises is one: a system call that seccomp refused, a limit, an alarm.
void act_by_default(const CaughtSignal& caught) noexcept {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  ::sigaction(caught.number, &standard, nullptr);
  const long pid = ::getpid();
  const long tid = ::syscall(SYS_gettid);
  if (caught.info == nullptr ||
      ::syscall(SYS_rt_tgsigqueueinfo, pid, tid, caught.number, caught.info) != 0) {
    ::syscall(SYS_tgkill, pid, tid, caught.number);
  }
}

// What the signal would do without us. nullptr: the default action.
const struct sigaction* find_before(int signal) noexcept {
  Before& known = before[static_cast<std::size_t>(signal)];
  if (has_default(known.action) || is_ignored(known.action)) return nullptr;
  if (known.is_gone.load(std::memory_order_acquire)) return nullptr;
  // For one time: the kernel would have set the default action by now.
  const bool is_once = (static_cast<unsigned>(known.action.sa_flags) & SA_RESETHAND) != 0;
  if (is_once && known.is_gone.exchange(true, std::memory_order_acq_rel)) return nullptr;
  return &known.action;
}

bool is_default_now(int signal) noexcept {
  struct sigaction now {};
  return ::sigaction(signal, nullptr, &now) == 0 && has_default(now);
}

bool is_pending(int signal) noexcept {
  sigset_t pending;
  return ::sigpending(&pending) == 0 && ::sigismember(&pending, signal) == 1;
}

void call_host(const struct sigaction& host, const CaughtSignal& caught, siginfo_t* info,
               void* context) noexcept {
  const bool was_sent = caught.info == nullptr || caught.info->si_code <= 0;
  if ((host.sa_flags & SA_SIGINFO) != 0) {
    host.sa_sigaction(caught.number, info, context);
  } else {
    host.sa_handler(caught.number);
  }
  // It has returned. A handler that gives up sets the default action and returns to the fault, or
  // raises the signal anew: then the mark is right. Else the process has survived.
  const bool dies = is_default_now(caught.number) && (!was_sent || is_pending(caught.number));
  const auto withdraw = withdraw_mark.load(std::memory_order_acquire);
  if (withdraw != nullptr && !dies) withdraw();
}

// Whether this process asked to be told of stops: itself, and not a parent of it, whose workers are
// ended by the same signals. But where that parent is gone, and this one has left its session, the
// job goes on in it: daemon(3).
bool is_asker() noexcept {
  const std::uint64_t asker = stop_process.load(std::memory_order_acquire);
  if (asker == process_key()) return true;
  return asker != 0 && ::getsid(0) != stop_session.load(std::memory_order_relaxed) &&
         ::kill(static_cast<pid_t>(pid_of_key(asker)), 0) != 0 && errno == ESRCH;
}

// Of this thread, in process 1 of a container: abort() has raised its signal, in vain.
constinit thread_local bool is_aborting __attribute__((tls_model("initial-exec"))) = false;

// True: it was a request to stop, and the first of its kind.
bool takes_as_stop(const CaughtSignal& caught) noexcept {
  const std::uint64_t asked = bit(caught.number);
  if ((stop_signals.load(std::memory_order_acquire) & asked) == 0) return false;
  if (!is_asker()) return false;
  if ((stops_seen.fetch_or(asked, std::memory_order_acq_rel) & asked) != 0) return false;
  if (const auto mark = mark_stop.load(std::memory_order_acquire)) mark(caught);
  return true;
}

void act(int signal, siginfo_t* info, void* context) noexcept {
  // A host that had our handler as the one before its own may call it by hand, with nothing but the
  // number: what is in the other registers then is no siginfo.
  const bool has_info = is_readable(info, sizeof *info) && info->si_signo == signal;
  CaughtSignal caught{
      .number = signal, .info = has_info ? info : nullptr, .context = has_info ? context : nullptr};
  const bool was_sent = !has_info || info->si_code <= 0;
  if (!was_sent && (signal == SIGSEGV || signal == SIGBUS)) {
    if (const auto leave = leave_marking.load(std::memory_order_acquire)) leave();
  }
  if ((signal == SIGBUS || signal == SIGSEGV) && !was_sent) {
    const auto repair = repair_fault.load(std::memory_order_acquire);
    if (repair != nullptr && repair(*info)) return;
  }
  const Before& known = before[static_cast<std::size_t>(signal)];
  if (was_sent && is_ignored(known.action) && !known.is_gone.load(std::memory_order_acquire)) {
    return;
  }
  if (takes_as_stop(caught)) return;
  const struct sigaction* const host = find_before(signal);
  // The kernel spares process 1 of a container what is sent to it and has the default action.
  if (host == nullptr && was_sent && ::getpid() == 1) {
    is_aborting = signal == SIGABRT && has_info && info->si_code == SI_TKILL && info->si_pid == 1;
    if (!is_aborting) return;
    // Since glibc 2.41 abort() blocks the signal of that instruction, and no handler sees it.
    caught.is_certain = false;
    if (const auto mark = mark_signal.load(std::memory_order_acquire)) mark(caught);
    return;
  }
  caught.is_certain = host == nullptr;
  // There abort() goes on behind the signal, to an instruction that only the kernel may use.
  CaughtSignal told = caught;
  if (is_aborting && signal == SIGSEGV && !was_sent && info->si_code == SI_KERNEL) {
    told.number = SIGABRT;
    told.info = nullptr;
  }
  if (const auto mark = mark_signal.load(std::memory_order_acquire)) mark(told);
  if (host != nullptr) {
    call_host(*host, caught, info, context);
  } else {
    act_by_default(caught);
  }
}

void handle(int signal, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  act(signal, info, context);
  errno = saved_errno;
}

bool is_handled(const struct sigaction& action) noexcept {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == &handle;
}

enum class Over : std::uint8_t { only_default, handlers, all };

void install(int signal, Over over) noexcept {
  struct sigaction now {};
  if (::sigaction(signal, nullptr, &now) != 0 || is_handled(now)) return;
  // The second time over the default action alone: a handler that has come since may call ours as
  // the one before it, and would be called by it in turn.
  const bool is_first = (is_ours.load(std::memory_order_relaxed) & bit(signal)) == 0;
  if (!has_default(now) && (!is_first || over == Over::only_default)) return;
  if (is_ignored(now) && over != Over::all) return;
  Before& known = before[static_cast<std::size_t>(signal)];
  struct sigaction ours {};
  ::sigemptyset(&ours.sa_mask);
  ours.sa_flags = SA_ONSTACK | SA_RESTART;
  if (is_first) {
    known.action = now;
    if (!has_default(now) && !is_ignored(now)) {
      // A handler of the host gets the mask and the stack that it asked for. What it has on the
      // stack of its thread may not fit on another; so there no mark is left of a stack's overflow.
      ours.sa_mask = now.sa_mask;
      ours.sa_flags = static_cast<int>(static_cast<unsigned>(now.sa_flags) & ~SA_RESETHAND);
    }
  } else {
    known.is_gone.store(true, std::memory_order_release);
  }
  ours.sa_flags |= SA_SIGINFO;
  ours.sa_sigaction = &handle;
  is_ours.fetch_or(bit(signal), std::memory_order_relaxed);
  struct sigaction replaced {};
  if (::sigaction(signal, &ours, &replaced) != 0) return;
  // Another thread has set a handler since we looked: it stays.
  if (replaced.sa_handler != now.sa_handler) ::sigaction(signal, &replaced, nullptr);
}

}  // namespace

void guard_sigbus(RepairFault repair) noexcept {
  const std::lock_guard lock(install_mutex.get());
  repair_fault.store(repair, std::memory_order_release);
  install(SIGBUS, Over::all);
  install(SIGSEGV, Over::handlers);
}

void watch_ends(const MarkDuties& duties) noexcept {
  const std::lock_guard lock(install_mutex.get());
  withdraw_mark.store(duties.withdraw, std::memory_order_release);
  leave_marking.store(duties.leave, std::memory_order_release);
  mark_stop.store(duties.stop, std::memory_order_release);
  mark_signal.store(duties.mark, std::memory_order_release);
  for (const int signal : kFaults) install(signal, Over::handlers);
  // What is sent to process 1 and has the default action does nothing, and is to go on doing it.
  if (::getpid() == 1) return;
  const bool leaves_interrupt = python_is_to_come();
  for (const auto& [name, signal] : kRequests) {
    if (signal == SIGINT && leaves_interrupt) continue;
    install(signal, Over::only_default);
  }
}

std::optional<std::uint64_t> parse_stop_signals(std::string_view names) noexcept {
  std::uint64_t bits = 0;
  while (!names.empty()) {
    const std::size_t end = std::min(names.find(','), names.size());
    std::string_view name = names.substr(0, end);
    names.remove_prefix(std::min(end + 1, names.size()));
    if (name.starts_with("SIG")) name.remove_prefix(3);
    const auto* const all = kRequests.data();
    const auto* const found = std::find_if(all, all + kCan_ask_to_stop,
                                           [&](const auto& one) { return one.first == name; });
    if (found == all + kCan_ask_to_stop) return {};
    bits |= bit(found->second);
  }
  return bits;
}

void watch_stops(std::uint64_t bits) noexcept {
  if (bits == 0) return;
  const std::lock_guard lock(install_mutex.get());
  const std::uint64_t process = process_key();
  if (stop_process.load(std::memory_order_relaxed) != process) {
    stop_signals.store(0, std::memory_order_relaxed);
    stops_seen.store(0, std::memory_order_relaxed);  // a child: what it has seen, its parent saw
    stop_askers = {};
    stop_session.store(::getsid(0), std::memory_order_relaxed);
    stop_process.store(process, std::memory_order_release);
  }
  for (std::size_t i = 0; i < kCan_ask_to_stop; ++i) {
    const int signal = kRequests[i].second;
    if ((bits & bit(signal)) == 0) continue;
    ++stop_askers[static_cast<std::size_t>(signal)];
    stop_signals.fetch_or(bit(signal), std::memory_order_release);
    install(signal, Over::only_default);
  }
}

void unwatch_stops(std::uint64_t bits) noexcept {
  if (bits == 0) return;
  const std::lock_guard lock(install_mutex.get());
  if (!is_asker()) return;
  for (std::size_t i = 0; i < kCan_ask_to_stop; ++i) {
    const int signal = kRequests[i].second;
    std::uint32_t& askers = stop_askers[static_cast<std::size_t>(signal)];
    if ((bits & bit(signal)) == 0 || askers == 0 || --askers != 0) continue;
    stop_signals.fetch_and(~bit(signal), std::memory_order_release);
  }
}

bool stop_was_requested() noexcept {
  return stops_seen.load(std::memory_order_relaxed) != 0;
}

}  // namespace runlog
