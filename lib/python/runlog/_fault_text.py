"""Python's traceback of all threads at a fatal signal, behind the mark in the journal's crash file.

faulthandler writes it to a descriptor of ours, before the signal kills; the mark itself is made by
the library. A faulthandler that is enabled already keeps its own target.
"""

from __future__ import annotations

import os

# The mark's part of the crash file (docs/format.md); the text stands behind it.
_MARK_BYTES = 16384
_TEXT_BYTES_MAX = 1 << 20
# High, so that a program that closes all descriptors and opens files does not get this number.
_DESCRIPTOR_MIN = 700

_descriptor = -1
_nowhere = -1  # at hand, for a fork where there are no more descriptors
_known: dict[int, tuple[int, int]] = {}  # device and inode behind each of the two


def prepare() -> None:
    """Enables faulthandler, if it is not. Before a run starts: its handlers shall come first."""
    global _descriptor, _nowhere
    if _descriptor >= 0:
        return
    try:
        import faulthandler
        import fcntl
        if faulthandler.is_enabled():
            return
        null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        try:
            try:
                _nowhere = fcntl.fcntl(null, fcntl.F_DUPFD_CLOEXEC, _DESCRIPTOR_MIN)
            except OSError:  # the limit is lower
                _nowhere = fcntl.fcntl(null, fcntl.F_DUPFD_CLOEXEC, 100)
            _descriptor = fcntl.fcntl(null, fcntl.F_DUPFD_CLOEXEC, _nowhere)
        finally:
            os.close(null)
        _known.update({number: _identity(number) for number in (_descriptor, _nowhere)})
        faulthandler.enable(file=_descriptor, all_threads=True)
    except (ImportError, OSError, RuntimeError, ValueError):
        pass  # a traceback less


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def _are_ours() -> bool:
    """False: the program has closed all descriptors; whatever has these numbers now is its own."""
    return all(_identity(number) == _known.get(number) for number in (_descriptor, _nowhere))


def write_to(journal: str | None) -> None:
    """Where the text goes from now on; None: nowhere."""
    if _descriptor < 0:
        return
    try:
        if not _are_ours():
            return
        target = _nowhere if journal is None else os.open(
            os.path.join(journal, "crash"),
            os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.dup2(target, _descriptor, inheritable=False)
            _known[_descriptor] = _identity(target)
        finally:
            if target != _nowhere:
                os.close(target)
    except OSError:
        pass


def read_from(journal: str) -> str:
    """The text that a dying process left; empty: none."""
    try:
        with open(os.path.join(journal, "crash"), "rb") as file:
            file.seek(_MARK_BYTES)
            return file.read(_TEXT_BYTES_MAX).decode("utf-8", "replace")
    except OSError:
        return ""
