"""How a process ends, told truthfully: uncaught exceptions, exits, forks, fatal signals.

A run that was not ended is kept here until its process ends. Then exit() ends it in the library: as
complete, or as failed with the status. An exception that nobody caught is noted in the run when it
comes, and is its end. The library itself notes signals.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import weakref
from types import TracebackType
from typing import TYPE_CHECKING, Any

from . import _fault_text, _native

if TYPE_CHECKING:
    from ._run import Run

_TEXT_BYTES_MAX = 65536  # of a traceback that is kept

open_runs: dict[str, Run] = {}  # by session
# By the session with which this process, or one that it was forked from, has started them.
_started: dict[str, weakref.ref[Run]] = {}
# Held while a run is started that others may ask for. Again by the same thread, in a signal's
# handler.
starts = threading.RLock()
_uncaught: tuple[str, str] | None = None  # not the exception itself, which holds its frames
_is_installed = False
_is_watched = False  # the work of a process of multiprocessing


def keep(run: Run) -> None:
    """Keeps `run` until it has ended."""
    _install()
    open_runs[run.session] = run
    _started[run.session] = weakref.ref(run)
    _fault_text.write_to(run.path)


def forget(run: Run) -> None:
    for session, other in list(open_runs.items()):
        if other is run:  # which in a forked child has a session of its own
            open_runs.pop(session, None)
    left = current()
    _fault_text.write_to(left.path if left is not None else None)


def is_of_this_process(session: str) -> bool:
    return session in _started or started(session) is not None


def started(session: str) -> Any:
    """The run of this process that has this session, ended or not; None: nobody holds it."""
    first = _started.get(session)
    for one in ([first] if first is not None else list(_started.values())):
        run = one()  # which in a forked child has a session of its own
        if run is not None and (one is first or run.session == session):
            return run
    return None


def current() -> Any:
    """The last run that was started and has not ended, or None."""
    for run in reversed(list(open_runs.values())):
        if run.status == "running":
            return run
    return None


# ---- Exceptions ----

def name_of(error: BaseException) -> str:
    kind = type(error)
    module = getattr(kind, "__module__", "builtins")
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"


def text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as other:  # its own __str__
        return f"<its text cannot be had: {type(other).__name__}>"


def _plain_traceback_of(error: BaseException) -> str:
    lines = ["Traceback (most recent call last):"]
    at = error.__traceback__
    while at is not None:
        code = at.tb_frame.f_code
        lines.append(f'  File "{code.co_filename}", line {at.tb_lineno}, in {code.co_name}')
        at = at.tb_next
    return "\n".join([*lines[:1], *lines[1:][-100:], f"{name_of(error)}: {text_of(error)}\n"])


def traceback_of(error: BaseException) -> str:
    # What an import evaluates would make the interpreter forget that an interrupt is to end it.
    if not isinstance(error, KeyboardInterrupt):
        try:
            import traceback
            lines = traceback.format_exception(type(error), error, error.__traceback__)
            return "".join(lines)[-_TEXT_BYTES_MAX:]
        except Exception:  # the interpreter ends, there is no memory, or one of its texts fails
            pass
    return _plain_traceback_of(error)


def note(error: BaseException, is_of_main: bool) -> None:
    """Writes the traceback to all open runs, and makes it their end if they have no other."""
    global _uncaught
    if (_uncaught is None or is_of_main) and not hasattr(sys, "ps1"):  # a prompt goes on
        _uncaught = (name_of(error), text_of(error))
    for run in list(open_runs.values()):
        run.text(traceback_of(error), "error")


def _hook_of_main(previous: Any) -> Any:
    def excepthook(kind: type[BaseException], error: BaseException,
                   trace: TracebackType | None) -> None:
        try:
            note(error, True)
        finally:
            previous(kind, error, trace)
    return excepthook


def _hook_of_threads(previous: Any) -> Any:
    def excepthook(arguments: Any) -> None:
        try:
            if arguments.exc_value is not None and arguments.exc_type is not SystemExit:
                note(arguments.exc_value, False)
        finally:
            previous(arguments)
    return excepthook


# ---- Exits ----

def _is_exit_0(code: Any) -> bool:
    """Of the status, which has the lowest 8 bits of a number of 64, and is 1 for a text."""
    fits = isinstance(code, int) and -1 << 63 <= code < 1 << 63
    return code is None or (fits and code & 255 == 0)


def end_by(run: Run, error: BaseException | None) -> None:
    """Ends `run` as what `error`, with which its block or process is left, makes of it."""
    if isinstance(error, SystemExit):
        if _is_exit_0(error.code):
            run.complete()
        else:
            run.fail("", f"exit status {error.code}")
    elif error is None:
        run.complete()
    elif isinstance(error, GeneratorExit) or name_of(error) == "asyncio.exceptions.CancelledError":
        run.cancel()
    else:
        run.fail(error)


def _at_exit() -> None:
    for run in list(open_runs.values()):
        run._log_pending()
        if _uncaught is not None:
            run._end_failed(*_uncaught)
    _native.interpreter_ends()


# ---- Forks ----

class _Anchor:
    """What the registry of multiprocessing holds by a weak reference."""


_anchor = _Anchor()
_is_registered = False


def _before_fork() -> None:
    global _is_registered
    util = sys.modules.get("multiprocessing.util")
    if util is not None and not _is_registered:
        _is_registered = True
        util.register_after_fork(_anchor, _watch_process)


def _after_fork() -> None:
    global _uncaught
    _uncaught = None
    _native.after_fork()
    _fault_text.write_to(None)
    for run in open_runs.values():
        run._forget_pending()


def _renew_starts() -> None:
    """In a forked child, where the thread that held it may be missing."""
    global starts
    starts = threading.RLock()


def end_with_process() -> None:
    """A process of multiprocessing leaves by _exit, of which the library is not told. From Python
    3.13 on its finalizers do not see the exception that ended its work: then only those that
    watch the work know."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None and (_is_watched or sys.version_info < (3, 13)):
        util.Finalize(None, _end_process, exitpriority=-1000)


def _watch_process(_: Any) -> None:
    """In a process of multiprocessing, before its work."""
    global _is_watched
    _is_watched = True
    end_with_process()
    process = sys.modules["multiprocessing.process"].current_process()
    work = process.run

    def run() -> None:
        try:
            work()
        except BaseException as error:
            _end_all(error)
            raise

    process.run = run


def _end_process() -> None:
    _end_all(sys.exc_info()[1])


def _end_all(error: BaseException | None) -> None:
    """Ends the runs in which this process has logged."""
    for run in list(open_runs.values()):
        run._log_pending()
        if run.status == "running" and run.stats()["records"] > 0:
            end_by(run, error)


def _install() -> None:
    global _is_installed
    if _is_installed:
        return
    _is_installed = True
    sys.excepthook = _hook_of_main(sys.excepthook)
    threading.excepthook = _hook_of_threads(threading.excepthook)
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork)


os.register_at_fork(after_in_child=_renew_starts)
atexit.register(_at_exit)
_before_fork()  # a process of `forkserver` imports this before its work begins
