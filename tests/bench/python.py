"""What a call costs in Python: ratios to an empty C function, and other writers beside it.

    cmake --preset bench -DRUNLOG_BUILD_PYTHON=ON && cmake --build --preset bench
    PYTHONPATH=build/bench/python:build/bench/bench python3 tests/bench/python.py [SECONDS]

Rounds of a thousand calls take turns, and the quickest round of each counts: compare within one run
only. Beside runlog: writers that people use, as pure Python has them. What each of them has written is
lost with the process, but for sqlite3 and what has been flushed.
"""

import csv
import logging
import sqlite3
import struct
import sys
import tempfile
import time
import timeit
from pathlib import Path

import _bench_empty
import runlog

CALLS = 1000


class Events:
    """Event files as tensorboardX writes them: protobuf by hand, records with two masked CRCs."""

    _table = []
    for _byte in range(256):
        for _ in range(8):
            _byte = _byte >> 1 ^ (0x82F63B78 if _byte & 1 else 0)
        _table.append(_byte)

    def __init__(self, path):
        self._file = open(path, "wb")

    def _crc(self, content):
        crc = 0xFFFFFFFF
        for byte in content:
            crc = self._table[(crc ^ byte) & 255] ^ crc >> 8
        crc ^= 0xFFFFFFFF
        return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)

    def _varint(self, number):
        out = bytearray()
        while number > 127:
            out.append(number & 127 | 128)
            number >>= 7
        out.append(number)
        return bytes(out)

    def add_scalar(self, name, value, step):
        tag = name.encode()
        scalar = b"\x0a" + self._varint(len(tag)) + tag + b"\x15" + struct.pack("<f", value)
        summary = b"\x0a" + self._varint(len(scalar)) + scalar
        event = (b"\x09" + struct.pack("<d", time.time()) + b"\x10" + self._varint(step) +
                 b"\x2a" + self._varint(len(summary)) + summary)
        length = struct.pack("<Q", len(event))
        self._file.write(length + self._crc(length) + event + self._crc(event))


def peers(directory):
    table = csv.writer(open(directory / "loss.csv", "w", newline=""))
    lines = logging.getLogger("bench")
    lines.addHandler(logging.FileHandler(directory / "loss.log"))
    lines.setLevel(logging.INFO)
    lines.propagate = False
    database = sqlite3.connect(directory / "loss.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=OFF")
    database.execute("CREATE TABLE metrics (name, value, step, time)")
    insert = "INSERT INTO metrics VALUES (?, ?, ?, ?)"
    return {
        "csv, buffered": ("table.writerow(('loss', 0.1, i, now()))", {"table": table}),
        "logging.FileHandler": ("lines.info('loss %s %s', 0.1, i)", {"lines": lines}),
        "sqlite3, a transaction each": ("execute(insert, ('loss', 0.1, i, now()))",
                                        {"execute": database.execute, "insert": insert}),
        "event file, as tensorboardX": ("events.add_scalar('loss', 0.1, i)",
                                        {"events": Events(directory / "events")})}


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    scratch = tempfile.TemporaryDirectory(prefix="runlog-bench-", dir=".")
    directory = Path(scratch.name)
    run = runlog.start_logging(root=directory / "runs", disk_budget="16GiB")
    eight = {f"train/metric{number}": 0.1 * number for number in range(8)}
    ours = {
        "empty C function": ("empty(0.1, i)", {"empty": _bench_empty.empty}),
        "handle": ("loss(0.1, i)", {"loss": run.metric("loss")}),
        "by name": ("run.log('loss', 0.1, i)", {"run": run}),
        "by name, step=": ("run.log('loss', 0.1, step=i)", {"run": run}),
        "step, a handle": ("now_.log(loss, 0.1)", {"now_": run.step(7), "loss": run.metric("loss")}),
        "dict of eight": ("run.log(eight, step=i)", {"run": run, "eight": eight})}
    timers = {name: timeit.Timer(call, globals={**names, "i": 123456, "now": time.time})
              for name, (call, names) in {**ours, **peers(directory)}.items()}
    best = dict.fromkeys(timers, float("inf"))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name, timer in timers.items():
            calls = CALLS if name in ours else CALLS // 20
            best[name] = min(best[name], timer.timeit(calls) / calls * 1e9)
    print(f"{'call':30} {'ns':>8} {'x empty':>8}")
    for name, spent in best.items():
        print(f"{name:30} {spent:8.1f} {spent / best['empty C function']:8.2f}")
    run.cancel()
    scratch.cleanup()


if __name__ == "__main__":
    main()
