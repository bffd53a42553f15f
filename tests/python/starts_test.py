"""Promise: a start takes what it is given, or refuses it and leaves nothing; a run that was started
stays the same run, however it is handed on."""

import copy
import os
import pathlib
import pickle
import sys

import runlog
from support import TestCase, main

MOVED = """
import multiprocessing, os, runlog
def work(): runlog.Run.get_context().log("worker", 1.0)
if __name__ == "__main__":
    options = eval(os.environ["OPTIONS"])
    with runlog.start_logging(**options) as run:
        os.mkdir("elsewhere")
        os.chdir("elsewhere")
        worker = multiprocessing.get_context("spawn").Process(target=work)
        worker.start()
        worker.join()
        with run.child_run("child") as child:
            child.log("child", 1.0)
"""

# No thread goes on before all have seen that there is no run. Then a fork while a run is started.
ASKED_AT_ONCE = """
import os, threading, runlog
from runlog import _ends
current, asked, here = _ends.current, threading.Barrier(8), threading.local()
def current_of_all():
    run = current()
    if not hasattr(here, "has_asked"):
        here.has_asked = True
        asked.wait()
    return run
def ask(): runlog.Run.get_context().log("v", 1.0)
_ends.current = current_of_all
threads = [threading.Thread(target=ask) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
_ends.current = current
def fork():
    child = os.fork()
    if child == 0:
        with _ends.starts: runlog.log("v", 1.0)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
with _ends.starts:
    thread = threading.Thread(target=fork)
    thread.start()
    thread.join()
"""


class StartsTest(TestCase):
    def test_options_that_are_no_text(self):
        for options in ({"store": pathlib.Path("s")}, {"group": b"g"}, {"name": b"\xff"},
                        {"name": "\ud800"}):
            with self.subTest(options=options):
                with runlog.start_logging(**options) as run:
                    run.log("v", 1.0)
                self.assertEqual(run.status, "complete")

    def test_a_start_refuses_before_it_starts(self):
        class Once:
            """A text, but not a second time."""
            has_told = False

            def __str__(self):
                if Once.has_told:
                    raise ValueError("no more")
                Once.has_told = True
                return "once"

        for options in ({"config": 5}, {"config": {"n": 10**5000}}, {"tags": 5}, {"tags": [5]},
                        {"tags": {5: "a"}}, {"tags": [["a"]]}, {"tags": [("a", "b")]}):
            with self.subTest(options=list(options)):
                with self.assertRaises((TypeError, ValueError)):
                    runlog.start_logging(**options)
                self.assertFalse((self.dir / "runs").exists())
        with self.assertRaises(ValueError):
            runlog.start_logging(config={"n": Once()})
        self.assertEqual((self.only_run().state, self.only_run().reason),
                         ("failed", "ValueError: no more"))

    def test_one_tag(self):
        runlog.start_logging(tags="baseline").complete()
        self.assertEqual(self.only_run().tags, {"baseline": ""})

    def test_workers_ship_to_the_same_store_from_another_directory(self):
        for number, options in enumerate(("dict(store='s')", "{}")):
            with self.subTest(options=options):
                root = str(self.dir / f"runs{number}")
                self.run_program(MOVED, env={"OPTIONS": options, "RUNLOG_ROOT": root,
                                             "RUNLOG_STORE": "s"})
                self.assertFalse((self.dir / "elsewhere" / "s").exists())
                run, child = runlog.open("s")
                self.assertEqual(self.values(run, "worker"), [1.0])
                self.assertEqual(self.values(child, "child"), [1.0])
                os.rename("elsewhere", f"was{number}")
                os.rename("s", f"store{number}")

    def test_a_copy_of_a_run_that_has_ended_is_that_run(self):
        run = runlog.start_logging()
        run.log("v", 1.0)
        pickled = pickle.dumps(run)
        run.fail("bad")
        late = pickle.dumps(run)
        self.assertIs(copy.copy(run), run)
        self.assertIs(copy.deepcopy({"run": run})["run"], run)
        self.assertIs(pickle.loads(pickled), run)
        self.assertIs(pickle.loads(late), run)
        del run
        gone = pickle.loads(pickled)
        gone.log("v", 2.0)
        self.assertEqual(gone.id, "")
        found = self.only_run()
        self.assertEqual((len(found.journals), found.state), (1, "failed"))

    def test_a_copy_in_a_forked_child_is_its_part(self):
        with runlog.start_logging() as run:
            child = os.fork()
            if child == 0:
                run.log("v", 1.0)
                pickled = pickle.dumps(run)
                run.complete()
                os._exit(0 if pickle.loads(pickled) is run and copy.copy(run) is run else 1)
            self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertEqual(len(self.only_run().journals), 2)

    def test_threads_that_ask_at_once_get_one_run(self):
        self.run_program(ASKED_AT_ONCE)
        run = self.only_run()
        self.assertEqual((len(run.journals), len(self.values(run, "v"))), (2, 9))


if __name__ == "__main__":
    sys.exit(main())
