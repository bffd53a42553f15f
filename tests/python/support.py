"""What the tests of the Python package share: programs that end in some way, and their books."""

import mmap
import os
import struct
import subprocess
import sys
import tempfile
import textwrap
import unittest
from pathlib import Path

import runlog

PACKAGE = Path(runlog.__file__).parent.parent
SECONDS_MAX = 240  # of a program; only a hang takes so long


class TestCase(unittest.TestCase):
    """Each test has an empty directory, `self.dir`, which is the present one, and no RUNLOG_*."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="python-")
        self.addCleanup(scratch.cleanup)
        self.dir = Path(scratch.name)
        before = os.getcwd()
        os.chdir(self.dir)
        self.addCleanup(os.chdir, before)
        for name in [name for name in os.environ if name.startswith("RUNLOG_")]:
            if name not in {"RUNLOG_BIN", "RUNLOG_BOOKS", "RUNLOG_SOURCE"}:
                self.addCleanup(os.environ.__setitem__, name, os.environ.pop(name))

    def program(self, code, *arguments, flags=(), env=None):
        """Starts a program that logs below `runs`; its file is main.py."""
        (self.dir / "main.py").write_text(textwrap.dedent(code))
        environment = {**os.environ, "PYTHONPATH": str(PACKAGE), **(env or {})}
        return subprocess.Popen([sys.executable, *flags, "main.py", *map(str, arguments)],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, env=environment)

    def run_program(self, code, *arguments, status=0, flags=(), env=None):
        """Runs it to its end, which must have `status`; returns its stdout and stderr."""
        process = self.program(code, *arguments, flags=flags, env=env)
        out, err = process.communicate(timeout=SECONDS_MAX)
        self.assertEqual(process.returncode, status, out + err)
        return out, err

    def only_run(self, root="runs"):
        runs = runlog.open(root)
        self.assertEqual(len(runs), 1, runs)
        return runs[0]

    def values(self, run, name):
        return [one.value for one in run.records("metric", name)]

    def close_books(self, *accounts, root="runs", killed=False, dropped="any",
                    recovers=True):
        """Recovers, and holds what was acknowledged, NAME=COUNT, against the data."""
        if recovers:
            runlog.recover(root)
        options = (["--killed"] if killed else []) + ["--dropped", str(dropped)]
        books = subprocess.run([os.environ["RUNLOG_BOOKS"], root, *options, *accounts],
                               capture_output=True, text=True, timeout=SECONDS_MAX)
        self.assertEqual(books.returncode, 0, books.stdout + books.stderr)


class RunTestCase(TestCase):
    """Each test has a run, `self.run_`, below `runs`."""

    def setUp(self):
        super().setUp()
        self.run_ = runlog.start_logging(root="runs", project="tests")
        self.addCleanup(self.run_.complete)

    def logged(self, kind="metric"):
        self.run_.complete()
        return [(one.name, one.step, one.value) for one in self.only_run().records(kind)]


class Scalar:
    """As numpy and torch have them."""

    def __init__(self, value):
        self._value = value

    def item(self):
        return self._value


class Tensor(Scalar):
    def __init__(self, value):
        super().__init__(value)
        self.is_on_host = False

    def detach(self):
        return self

    def cpu(self):
        self.is_on_host = True
        return self

    def numpy(self):
        raise RuntimeError("no numpy")

    def tolist(self):
        return self._value


class Counts:
    """Counters that no kill takes back: each call that has returned, in a file that is mapped."""

    SLOTS = 64

    def __init__(self, path):
        with open(path, "a+b") as file:
            file.truncate(8 * self.SLOTS)
            self._map = mmap.mmap(file.fileno(), 8 * self.SLOTS)

    def set(self, slot, count):
        struct.pack_into("q", self._map, 8 * slot, count)

    def get(self, slot):
        return struct.unpack_from("q", self._map, 8 * slot)[0]


# For programs: `counts` and `count(slot, name, log)`, which logs 0, 1, 2, … for ever.
COUNTING = """
import sys
sys.path.insert(0, {support!r})
from support import Counts
counts = Counts("counts")
def log_for_ever(run, slot, limit=1 << 60):
    metric = run.metric(f"slot/{{slot}}")
    number = 0
    while number < limit:
        metric(float(number), number)
        number += 1
        counts.set(slot, number)
""".format(support=str(Path(__file__).parent))


def accounts():
    """NAME=COUNT of all counters that have counted."""
    counts = Counts("counts")
    return [f"slot/{slot}={counts.get(slot)}" for slot in range(Counts.SLOTS) if counts.get(slot)]


def main():
    unittest.main(verbosity=2)
