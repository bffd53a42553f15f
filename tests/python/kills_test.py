"""Promise: SIGKILL at any moment takes no call back that had returned, in threads, in processes of
every kind, in tasks. The same victims run for longer with RUNLOG_KILLS=N."""

import os
import random
import signal
import sys
import time

from support import COUNTING, Counts, TestCase, accounts, main

SEED = 20261128
KILLS = int(os.environ.get("RUNLOG_KILLS", "3"))  # of each victim

VICTIMS = {
    "threads": COUNTING + """
import threading, runlog
run = runlog.start_logging(segment_bytes="64KiB", ship_interval="100ms")
threads = [threading.Thread(target=log_for_ever, args=(run, slot)) for slot in range(4)]
for thread in threads: thread.start()
""",
    "names and rows": COUNTING + """
import runlog
run = runlog.start_logging(segment_bytes="64KiB", ship_interval="100ms")
number = 0
while True:
    run.log("slot/0", float(number), step=number)
    counts.set(0, number + 1)
    run.log({"slot": {"1": number}, "slot/2": float(number)}, step=number)
    counts.set(1, number + 1)
    counts.set(2, number + 1)
    with run.step(number) as now: now.log("slot/3", number)
    counts.set(3, number + 1)
    number += 1
""",
    "forks": COUNTING + """
import os, runlog
run = runlog.start_logging(segment_bytes="64KiB")
for slot in range(3):
    if os.fork() == 0: break
else:
    slot = 3
log_for_ever(run, slot)
""",
    "spawned": COUNTING + """
import multiprocessing, runlog
def work(slot): log_for_ever(runlog.Run.get_context(), slot)
if __name__ == "__main__":
    run = runlog.start_logging(segment_bytes="64KiB")
    context = multiprocessing.get_context("spawn")
    for slot in range(2): context.Process(target=work, args=(slot,)).start()
    log_for_ever(run, 2)
""",
    "tasks and generators": COUNTING + """
import asyncio, runlog
run = runlog.start_logging(segment_bytes="64KiB")
def numbers(slot):
    metric, number = run.metric(f"slot/{slot}"), 0
    while True:
        metric(float(number), number)
        number += 1
        counts.set(slot, number)
        yield
async def work(slot):
    for _ in numbers(slot): await asyncio.sleep(0)
async def top(): await asyncio.gather(*(work(slot) for slot in range(4)))
asyncio.run(top())
""",
    "a shutdown": COUNTING + """
import threading, time, runlog
run = runlog.start_logging(segment_bytes="64KiB")
for slot in range(3): threading.Thread(target=log_for_ever, args=(run, slot), daemon=True).start()
while counts.get(2) < int(sys.argv[1]): time.sleep(0.001)
""",
}


class KillsTest(TestCase):
    def total(self):
        counts = Counts("counts")
        return sum(counts.get(slot) for slot in range(Counts.SLOTS))

    def kill_at(self, victim, calls):
        """Kills the victim and its children when so many calls have returned in all."""
        process = self.program(VICTIMS[victim], calls // 10, env={"RUNLOG_RUN_ID": "killed"})
        group = process.pid
        while self.total() < calls and process.poll() is None:
            time.sleep(0.0005)
        for pid in [group, *self.children_of(group)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.said = process.communicate(timeout=120)
        for pid in self.loggers():
            os.kill(pid, signal.SIGKILL)

    def children_of(self, pid):
        try:
            with open(f"/proc/{pid}/task/{pid}/children") as file:
                children = [int(word) for word in file.read().split()]
        except OSError:
            return []
        return children + [other for child in children for other in self.children_of(child)]

    def loggers(self):
        """Those that were started while their parent was killed."""
        found = []
        for name in os.listdir("/proc"):
            try:
                if name.isdigit() and os.readlink(f"/proc/{name}/cwd") == str(self.dir) and \
                        int(name) != os.getpid():
                    found.append(int(name))
            except OSError:
                continue
        return found

    def check(self, victim):
        chance = random.Random(SEED + len(victim))
        for _ in range(KILLS):
            calls = chance.randrange(100, 30000)
            with self.subTest(victim=victim, calls=calls, seed=SEED):
                for path in ("counts",):
                    if os.path.exists(path):
                        os.remove(path)
                root = f"runs-{calls}"
                os.environ["RUNLOG_ROOT"] = root
                self.addCleanup(os.environ.pop, "RUNLOG_ROOT", None)
                self.kill_at(victim, calls)
                self.assertTrue(accounts(), self.said)
                os.environ.pop("RUNLOG_ROOT")
                self.close_books(*accounts(), root=root, killed=True)


def _test_of(victim):
    return lambda self: self.check(victim)


for _victim in VICTIMS:
    setattr(KillsTest, "test_" + _victim.replace(" ", "_"), _test_of(_victim))

if __name__ == "__main__":
    sys.exit(main())
