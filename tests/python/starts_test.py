"""Promise: a start takes what it is given, or refuses it and leaves nothing; a run that was started
stays the same run, however it is handed on."""

import os
import pathlib
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


class StartsTest(TestCase):
    def test_options_that_are_no_text(self):
        for options in ({"store": pathlib.Path("s")}, {"group": b"g"}, {"name": b"\xff"},
                        {"name": "\ud800"}):
            with self.subTest(options=options):
                with runlog.start_logging(**options) as run:
                    run.log("v", 1.0)
                self.assertEqual(run.status, "complete")

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


if __name__ == "__main__":
    sys.exit(main())
