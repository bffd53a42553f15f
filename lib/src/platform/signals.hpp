// signals: the only place that installs signal handlers. One handler serves whoever has something
// to do when a signal comes (a repair, a mark, a request to stop), and then lets the signal act
// exactly as it would without it.
//
// Which signals. Faults (SEGV, BUS, FPE, ILL, TRAP, SYS) and ABRT: also where the host has a
// handler, which is then called with the same arguments, under the mask and flags that it asked
// for. All others only where their action is the default, so that no handler of the host is stood
// before; one that the host installs later takes ours away, and one that it restores later works.
// What is ignored stays ignored. Real-time signals are left alone: runtimes look for a free one by
// its default action.
//
// A host that installs its handler only where it finds the default action, and does so after us,
// finds ours and installs none. CPython does that, with SIGINT alone: so where the program has an
// interpreter that is not initialised yet, SIGINT is left to it. To leave SIGINT alone everywhere
// would cost every other job the reason of its end by ^C, which then looks like SIGKILL; and to
// hide our handler from sigaction() is not for a library to do. Where the interpreter is loaded
// later, the program has to initialise it before the run starts, or to switch the marker off.
//
// Handlers stay for the life of the process; with nothing to do they only pass on. No thread of
// ours looks now and then whether they are still there: between the look of a host at what is
// installed and its own installation ours might come, and be lost to it or it to us.
#pragma once

#include <signal.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace runlog {

/// What has come. `info` and `context` are nullptr where a host called our handler by hand and gave
/// none. `is_certain`: no handler of the host is there that might survive it.
struct CaughtSignal {
  int number = 0;
  const siginfo_t* info = nullptr;
  const void* context = nullptr;  ///< a ucontext_t
  bool is_certain = false;
};

/// Whom the handler calls, all of them async-signal-safe. Each may be set once.
using RepairFault = bool (*)(const siginfo_t& info) noexcept;  ///< true: the fault is mended
/// Marks the signal. If it is not certain to kill, withdraw_mark() is called when the host's
/// handler has returned and the process lives on.
using MarkSignal = void (*)(const CaughtSignal& caught) noexcept;
using WithdrawMark = void (*)() noexcept;
/// A fault while this thread marks: goes back to where marking began and does not return, or
/// returns where the thread does no such thing.
using LeaveMarking = void (*)() noexcept;
using MarkStop = void (*)(const CaughtSignal& caught) noexcept;

/// Has SIGBUS handled, though it be ignored, and SIGSEGV, and `repair` asked first.
void guard_sigbus(RepairFault repair) noexcept;

struct MarkDuties {
  MarkSignal mark = nullptr;
  WithdrawMark withdraw = nullptr;
  LeaveMarking leave = nullptr;
  MarkStop stop = nullptr;
};
/// Has every signal that ends a process marked. Again: takes up what the host has set back to the
/// default action.
void watch_ends(const MarkDuties& duties) noexcept;

/// The bits (1 << number) of "TERM,USR1" or "SIGTERM"; nothing where a name is none of those that
/// can ask to stop.
[[nodiscard]] std::optional<std::uint64_t> parse_stop_signals(std::string_view names) noexcept;
/// Has the first of each of these signals that comes to this process taken as a request to stop,
/// where its action is the default. The second kills. Not in a child of it, but in the one that
/// goes on in its place: it is gone, and the child has left its session (daemon(3)).
void watch_stops(std::uint64_t bits) noexcept;
/// A run that asked for them has ended; without another that asks they act as they would without
/// us.
void unwatch_stops(std::uint64_t bits) noexcept;
/// Whether such a request has come. One load.
[[nodiscard]] bool stop_was_requested() noexcept;

}  // namespace runlog
