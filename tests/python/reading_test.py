"""Promise: what was logged is read back exactly, from a live run, after a kill, and from a store;
with and without numpy."""

import os
import signal
import subprocess
import sys

import runlog
from support import TestCase, main

KILLED = """
import os, signal, runlog
run = runlog.start_logging(project="p", run_id="killed", config={"lr": 0.5}, tags={"a": "b"})
for step in range(100):
    run.log({"train/loss": 1.0 / (step + 1), "train/acc": step}, step=step)
run.log("val/loss", 0.25)
os.kill(os.getpid(), signal.SIGKILL)
"""

WITHOUT_NUMPY = """
import sys
sys.modules["numpy"] = None
import runlog
points = runlog.open("runs")[0].metrics("train/*")["train/loss"]
assert type(points.step).__name__ == "array" and list(points.step) == list(range(100)), points
assert list(points.value) == [1.0 / (step + 1) for step in range(100)]
"""


class ReadingTest(TestCase):
    def kill_a_run(self, **how):
        self.run_program(KILLED, status=-signal.SIGKILL, **how)

    def check_killed(self, place):
        runs = runlog.open(place)
        run = runs["killed"]
        self.assertEqual([one.id for one in runs], ["killed"])
        self.assertEqual(run.project, "p")
        self.assertEqual(run.state, "crashed")
        self.assertEqual(run.params, {"lr": 0.5})
        self.assertEqual(run.tags, {"a": "b"})
        metrics = run.metrics("train/*")
        self.assertEqual(list(metrics), ["train/acc", "train/loss"])
        steps, values, times = metrics["train/loss"]
        self.assertEqual(list(steps), list(range(100)))
        self.assertEqual(list(values), [1.0 / (step + 1) for step in range(100)])
        self.assertEqual(sorted(times), list(times))
        val = run.metrics("val/loss", rank=0)["val/loss"]
        self.assertEqual((list(val.step), list(val.value)), ([runlog.NO_STEP], [0.25]))
        self.assertEqual(run.metrics(rank=7), {})
        self.assertEqual((run.damage, run.failures), ([], []))
        self.assertEqual(len(list(run)), 1 + 2 + 201)
        with self.assertRaises(KeyError):
            runs["other"]

    def test_a_killed_run_before_and_after_its_recovery(self):
        self.kill_a_run()
        self.check_killed("runs")
        seen = []
        outcomes = runlog.recover("runs", store=str(self.dir / "store"), on_outcome=seen.append,
                                  on_progress=lambda progress: None)
        self.assertEqual([one.verdict for one in outcomes], ["shipped"])
        self.assertEqual(seen[0].journal.run_id, "killed")
        self.assertEqual(outcomes[0].records_kept, 204)
        self.check_killed("runs")
        self.check_killed("store")
        files = runlog.clean("runs", dry_run=True)
        self.assertEqual([file["why_kept"] for file in files], [""])

    def test_without_numpy(self):
        self.kill_a_run()
        self.run_program(WITHOUT_NUMPY)

    def test_pandas(self):
        try:
            import pandas
        except ImportError:
            self.skipTest("no pandas")
        self.kill_a_run()
        run = runlog.open("runs")[0]
        frame = run.metrics().to_pandas()
        self.assertEqual(len(frame), 201)
        self.assertEqual(list(frame.columns), ["name", "step", "value", "time"])
        self.assertTrue(frame[frame.name == "val/loss"].step.isna().all())
        self.assertEqual(len(run.metrics("none").to_pandas()), 0)
        self.assertIsInstance(frame, pandas.DataFrame)

    def test_a_live_run(self):
        with runlog.start_logging(root="live") as run:
            run.log("v", 1, step=1)
            found = self.only_run("live")
            self.assertEqual(found.state, "live")
            self.assertEqual(list(found.metrics()["v"].value), [1.0])
            run.rewind(1)
            run.log("v", 2, step=1)
        self.assertEqual(self.values(self.only_run("live"), "v"), [1, 2])
        void = runlog.open("live", apply_rewind=True)[0]
        self.assertEqual(self.values(void, "v"), [2])

    def test_errors(self):
        with self.assertRaises(runlog.Error) as raised:
            runlog.open("nowhere")
        self.assertEqual(raised.exception.code, "not_found")
        with self.assertRaises(runlog.Error):
            runlog.recover("nowhere")
        with self.assertRaises(TypeError):
            runlog.open(None)

    def test_an_exception_of_a_function_stops_the_recovery(self):
        for number in range(3):
            self.run_program(KILLED.replace('"killed"', f'"run{number}"'), status=-signal.SIGKILL)

        def refuse(outcome):
            raise ZeroDivisionError(outcome.verdict)

        with self.assertRaises(ZeroDivisionError):
            runlog.recover("runs", on_outcome=refuse)
        self.assertEqual(len(runlog.recover("runs")), 3)

    def test_the_program_may_end_while_a_function_of_a_daemon_thread_is_called(self):
        self.kill_a_run()
        code = ("import os, threading, runlog\n"
                "called = threading.Event()\n"
                "def hook(outcome):\n"
                "    called.set()\n"
                "    while True: os.getpid()\n"
                "threading.Thread(target=runlog.recover, args=('runs',), daemon=True,\n"
                "                 kwargs={'on_outcome': hook}).start()\n"
                "called.wait()\n")
        self.run_program(code)
        self.check_killed("runs")

    def test_an_interrupt_stops_the_recovery(self):
        self.kill_a_run()
        code = ("import os, signal, threading, runlog\n"
                "try:\n"
                "    runlog.recover('runs', store='s3://x/y?endpoint=http://127.0.0.1:9',\n"
                "        on_wait=lambda why: os.kill(os.getpid(), signal.SIGINT))\n"
                "except KeyboardInterrupt: os._exit(7)\n")
        environment = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        self.run_program(code, status=7, env=environment)
        self.check_killed("runs")

    def test_our_tool_agrees(self):
        self.kill_a_run()
        tool = os.path.join(os.environ["RUNLOG_BIN"], "runlog")
        out = subprocess.run([tool, "cat", "--json", "runs"], capture_output=True, text=True,
                             check=True).stdout
        self.assertEqual(len(out.splitlines()), 204)


if __name__ == "__main__":
    sys.exit(main())
