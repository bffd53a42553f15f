"""Promise: processes that a run's process starts log into journals of their own, in the same run,
whatever starts them; none hangs, and nothing is lost."""

import os
import signal
import sys

import runlog
from support import COUNTING, TestCase, accounts, main

WORKERS = """
import multiprocessing, sys, runlog
def work(number):
    run = runlog.Run.get_context()
    run.log(f"worker/{number}", number * 1.0, step=0)
    run.metric(f"worker/{number}")(number * 2.0, 1)
    if number == 3:
        raise ValueError("worker 3")
if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    if sys.argv[1] == "forkserver":  # its server is older than the run
        first = context.Process(target=print)
        first.start()
        first.join()
    run = runlog.start_logging(segment_bytes="64KiB", root=b"r\\xff".decode(errors="surrogateescape"))
    run.log("parent", 1.0)
    workers = [context.Process(target=work, args=(number,)) for number in range(4)]
    for worker in workers: worker.start()
    for worker in workers: worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0, 1]
    run.complete()
"""

# As a loader of batches does: a queue of indices, workers that live for the epoch, threads beside.
LOADER = """
import multiprocessing, sys, threading, runlog
class Data:
    def __init__(self, run): self.metric = run.metric("read")
    def __getitem__(self, index):
        self.metric(float(index), index)
        return index
def work(data, indices, batches):
    while (index := indices.get()) is not None: batches.put(data[index])
if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    run = runlog.start_logging(segment_bytes="64KiB")
    stop = threading.Event()
    def beside():
        while not stop.is_set(): run.log("beside", 1.0)
    thread = threading.Thread(target=beside)
    thread.start()
    indices, batches = context.Queue(), context.Queue()
    workers = [context.Process(target=work, args=(Data(run), indices, batches), daemon=True)
               for _ in range(2)]
    for worker in workers: worker.start()
    for index in range(100): indices.put(index)
    assert sorted(batches.get() for _ in range(100)) == list(range(100))
    for worker in workers: indices.put(None)
    for worker in workers: worker.join()
    stop.set()
    thread.join()
    run.complete()
"""

POOL = """
import runlog, concurrent.futures as futures
def square(number):
    runlog.Run.get_context().log("square", number * number, step=number)
    return number * number
if __name__ == "__main__":
    with runlog.start_logging(segment_bytes="64KiB") as run:
        with futures.ProcessPoolExecutor(2) as pool:
            assert sum(pool.map(square, range(50))) == 40425
        with futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(square, range(50, 100)))
"""

FORKS = COUNTING + """
import os, threading, runlog
sys.setswitchinterval(0.0002)
run = runlog.start_logging(segment_bytes="64KiB")
stop = threading.Event()
def beside(slot):
    number = 0
    metric = run.metric(f"slot/{slot}")
    while not stop.is_set():
        metric(float(number), number)
        number += 1
        counts.set(slot, number)
        if number % 10 == 0: stop.wait(0.001)
threads = [threading.Thread(target=beside, args=(slot,)) for slot in range(2)]
for thread in threads: thread.start()
metric = run.metric("fork")
for number in range(int(sys.argv[1])):
    child = os.fork()
    if child == 0:
        if number % 4 == 0:  # each that logs makes a journal
            metric(float(number), number)
            run.log("forks", number)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0, status
stop.set()
for thread in threads: thread.join()
run.complete()
"""

SUBPROCESS = """
import os, subprocess, sys, runlog
run = runlog.start_logging(project="parent")
run.log("parent", 1.0)
code = "import runlog; runlog.Run.get_context().log('child', 2.0)"
subprocess.run([sys.executable, "-c", code], check=True)
other = "import runlog; runlog.start_logging(project='other', root='others').log('child', 2.0)"
subprocess.run([sys.executable, "-c", other], check=True)
run.complete()
after = "import runlog; runlog.Run.get_context().log('after', 3.0)"
subprocess.run([sys.executable, "-c", after], check=True)
"""

# The worker ends when it has read the end of its pipe: after the trainer's death, for instance.
OUTLIVED = """
import multiprocessing, os, signal, sys, runlog
def work(pipe, other):
    other.close()
    runlog.Run.get_context().log("worker", 1.0)
    pipe.send("logged")
    try: pipe.recv()
    except EOFError: pass
    runlog.finish()
if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    here, there = context.Pipe()
    run = runlog.start_logging()
    worker = context.Process(target=work, args=(there, here))
    worker.start()
    there.close()
    assert here.recv() == "logged"
    os.kill(os.getpid(), signal.SIGKILL)
"""

TERMINATED = """
import multiprocessing, os, signal, sys, runlog
def work():
    runlog.Run.get_context().log("worker", 1.0)
    open("logged", "w").close()
    signal.pause()
if __name__ == "__main__":
    with runlog.start_logging(store="store", parent_run="sweep") as run:
        os.mkfifo("logged")
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            pool.apply_async(work)
            open("logged").close()
"""


class ProcessesTest(TestCase):
    def test_a_worker_that_outlives_a_killed_trainer_does_not_end_the_run(self):
        for method in ("spawn", "forkserver"):
            with self.subTest(method=method):
                # Waits for the worker too, which has its output.
                self.run_program(OUTLIVED, method,
                                 status=-signal.SIGKILL, env={"RUNLOG_ROOT": method})
                run = self.only_run(method)
                self.assertEqual(sorted(one.state for one in run.journals), ["complete", "crashed"])
                self.assertEqual(run.state, "crashed")

    def test_workers_that_a_pool_terminates_do_not_end_the_run(self):
        self.run_program(TERMINATED)
        runlog.recover("runs")
        for place in ("runs", "store"):
            run = self.only_run(place)
            self.assertEqual(sorted(one.state for one in run.journals), ["complete", "crashed"])
            self.assertEqual((run.state, run.reason), ("complete", ""))
            self.assertEqual(self.values(run, "worker"), [1.0])

    def check_workers(self, method):
        self.run_program(WORKERS, method)
        root = os.fsdecode(b"r\xff")
        runlog.recover(root)
        run = self.only_run(root)
        self.assertEqual(len(run.journals), 5)
        self.assertEqual(len({one.session for one in run.journals}), 5)
        self.assertEqual(self.values(run, "parent"), [1.0])
        for number in range(4):
            self.assertEqual(self.values(run, f"worker/{number}"), [number, number * 2.0])
        states = sorted(one.state for one in run.journals)
        self.assertEqual(states, ["complete"] * 4 + ["failed"])
        failed = next(one for one in run.journals if one.state == "failed")
        reasons = {"ValueError: worker 3"}
        if method == "spawn" and sys.version_info >= (3, 13):
            reasons.add("exit status 1")  # there nobody is asked before the exception is forgotten
        self.assertIn(failed.end_reason, reasons)

    def test_fork(self):
        self.check_workers("fork")

    def test_spawn(self):
        self.check_workers("spawn")

    def test_forkserver(self):
        self.check_workers("forkserver")

    def test_loaders(self):
        for method in ("fork", "spawn", "forkserver"):
            with self.subTest(method=method):
                self.run_program(LOADER, method, env={"RUNLOG_ROOT": method})
                runlog.recover(method)
                self.assertEqual(sorted(self.values(self.only_run(method), "read")),
                                 list(range(100)))

    def test_pools(self):
        self.run_program(POOL)
        runlog.recover("runs")
        self.assertEqual(sorted(self.values(self.only_run(), "square")),
                         [number * number for number in range(100)])

    def test_a_thousand_forks_beside_threads(self):
        self.run_program(FORKS, 1000)
        self.close_books(*accounts(), dropped=0, recovers=False)
        run = self.only_run()
        self.assertEqual(sorted(self.values(run, "fork")), list(range(0, 1000, 4)))
        self.assertEqual(sorted(self.values(run, "forks")), list(range(0, 1000, 4)))
        self.assertEqual(len(run.journals), 251)

    def test_programs_that_are_started(self):
        self.run_program(SUBPROCESS)
        runs = {run.project: run for run in runlog.open("runs")}
        self.assertEqual(self.values(runs["parent"], "child"), [2.0])
        self.assertEqual(len(runs["parent"].journals), 2)
        self.assertEqual(self.values(runs["default"], "after"), [3.0])
        self.assertEqual(self.values(self.only_run("others"), "child"), [2.0])


if __name__ == "__main__":
    sys.exit(main())
