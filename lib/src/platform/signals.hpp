// signals: the only place that installs signal handlers. One handler does all that has to be done
// at a signal (a repair, a mark, a request to stop), and then lets the signal act exactly as it
// would without it.
//
// Which signals. Faults (SEGV, BUS, FPE, ILL, TRAP, SYS) and ABRT: also if the host has a handler,
// which is then called with the same arguments, under its own mask and flags. All others only if
// their action is the default, so that we never come before a handler of the host; a handler that
// the host installs later replaces ours. Ignored signals stay ignored. Real-time signals are left
// alone: runtimes look for a free one by its default action.
//
// A host that installs a handler only where it finds the default action, and does so after us,
// finds ours and installs none. CPython does that with SIGINT. So if the program has an interpreter
// that is not initialised yet, SIGINT is left to it. If SIGINT were left alone everywhere, the
// journal of every other job would lack the reason of its end by ^C, as after SIGKILL. A library
// should not hide its handler from sigaction(). If the interpreter is loaded later, the program
// must initialise it before the run starts, or switch the marker off.
//
// Handlers stay for the life of the process; when there is nothing to do, they only pass the signal
// on. We do not check later whether they are still installed: a host may read the installed handler
// and then set its own, and if ours came between, one of the two would be lost.
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
