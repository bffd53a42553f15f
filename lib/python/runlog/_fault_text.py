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


def prepare() -> None:
    """Enables faulthandler, if it is not. Before a run starts: its handlers shall come first."""
    global _descriptor
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
                _descriptor = fcntl.fcntl(null, fcntl.F_DUPFD_CLOEXEC, _DESCRIPTOR_MIN)
            except OSError:  # the limit is lower
                _descriptor = fcntl.fcntl(null, fcntl.F_DUPFD_CLOEXEC, 100)
        finally:
            os.close(null)
        faulthandler.enable(file=_descriptor, all_threads=True)
    except (ImportError, OSError, RuntimeError, ValueError):
        pass  # a traceback less


def write_to(journal: str | None) -> None:
    """Where the text goes from now on; None: nowhere."""
    if _descriptor < 0:
        return
    try:
        if journal is None:
            target = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        else:
            target = os.open(os.path.join(journal, "crash"),
                             os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.dup2(target, _descriptor, inheritable=False)
        finally:
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
