"""Promise: what a call takes is in the journal, exactly; what it cannot take, it refuses whole."""

import datetime
import decimal
import fractions
import math
import pickle
import sys
import types

import runlog
from support import RunTestCase, Scalar, Tensor, main


class LoggingTest(RunTestCase):
    def test_forms_of_log(self):
        run = self.run_
        run.log("a", 0.5)
        run.log("a", 0.25, 3)
        run.log("a", 0.125, step=4)
        run.log(value=1, name="a", step=5)
        run.log({"x": 1, "y": {"z": 2.5, "w": {"v": True}}}, step=7)
        run.log({"x": 2}, 8)
        handle = run.metric("b")
        handle(1.5, 1)
        handle(2)
        handle(3, step=2)
        handle.log(4.0, 3)
        with run.step(9) as now:
            now.log("c", 1)
            now.log(handle, 2)
            now.log({"d": 3})
        self.assertEqual(self.logged(), [
            ("a", None, 0.5), ("a", 3, 0.25), ("a", 4, 0.125), ("a", 5, 1), ("x", 7, 1),
            ("y/z", 7, 2.5), ("y/w/v", 7, 1), ("x", 8, 2), ("b", 1, 1.5), ("b", None, 2), ("b", 2, 3),
            ("b", 3, 4.0), ("c", 9, 1), ("b", 9, 2), ("d", 9, 3)])

    def test_a_row_has_one_time(self):
        self.run_.log({"a": 1, "b": 2}, step=1)
        with self.run_.step(2) as now:
            now.log("c", 1)
            now.log("d", 1)
        self.run_.complete()
        times = {one.name: one.time_ns for one in self.only_run().records("metric")}
        self.assertEqual(times["a"], times["b"])
        self.assertEqual(times["c"], times["d"])

    def test_numbers(self):
        values = [True, 2**63 - 1, -2**63, 2**64, -10**400, 10**400, math.nan, math.inf, -0.0,
                  Scalar(1.5), Scalar(7), Tensor(2.5), decimal.Decimal("0.5"),
                  fractions.Fraction(1, 4)]
        for value in values:
            self.run_.log("v", value)
        found = [value for _, _, value in self.logged()]
        self.assertEqual(found[:3], [1, 2**63 - 1, -2**63])
        self.assertEqual(found[3:6], [float(2**64), -math.inf, math.inf])
        self.assertTrue(math.isnan(found[6]))
        self.assertEqual(found[7:], [math.inf, 0.0, 1.5, 7, 2.5, 0.5, 0.25])

    def test_what_is_no_number_is_refused_whole(self):
        class Bad:
            def __float__(self):
                raise ZeroDivisionError("bad")

        for value in (None, "1", b"1", [1], {}, 1j, object()):
            with self.assertRaises(TypeError, msg=repr(value)):
                self.run_.log("v", value)
        with self.assertRaises(ZeroDivisionError):
            self.run_.log("v", Bad())
        with self.assertRaises(TypeError) as raised:
            self.run_.log({"good": 1, "bad": None})
        self.assertIn("bad", str(raised.exception))
        for arguments in ((), ("v",), ("v", 1, 2, 3), ({"a": 1}, 1, 2)):
            with self.assertRaises(TypeError):
                self.run_.log(*arguments)
        with self.assertRaises(TypeError):
            self.run_.log("v", 1, stepp=3)
        with self.assertRaises(TypeError):
            self.run_.log(None, 1)
        self.assertEqual(self.logged(), [])

    def test_steps(self):
        for step in (0, -5, 2**63 - 1, -2**63, True, 3.0, Scalar(4)):
            self.run_.log("v", 1.0, step)
        self.run_.metric("v")(1.0, -1)
        self.run_.metric("v")(1.0, None)
        for step, error in ((2**63, OverflowError), (-2**70, OverflowError), (0.5, ValueError),
                            (math.nan, ValueError), ("3", TypeError), ([], TypeError)):
            with self.assertRaises(error, msg=repr(step)):
                self.run_.log("v", 1.0, step=step)
            with self.assertRaises(error, msg=repr(step)):
                self.run_.metric("v")(1.0, step)
        steps = [step for _, step, _ in self.logged()]
        self.assertEqual(steps, [0, -5, 2**63 - 1, -2**63, 1, 3, 4, -1, None])

    def test_names(self):
        for name in ("", "\0", "a\0b", "\ud800", "\N{PILE OF POO}", "x" * 5000, b"bytes"):
            self.run_.log(name, 1)
            self.run_.metric(name)(2)
            self.run_.log({name: 3})
        found = self.logged()
        self.assertEqual(len(found), 21)
        self.assertEqual([value for _, _, value in found], [1, 2, 3] * 7)
        for at in range(0, 21, 3):
            self.assertEqual(len({name for name, _, _ in found[at:at + 3]}), 1, found[at:at + 3])

    def test_times(self):
        when = datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone.utc)
        self.run_.log("v", 1, time=when)
        self.run_.log("v", 1, step=1, time=when.timestamp())
        self.run_.metric("v")(1, time=when)
        for time, error in ((1e300, ValueError), ("now", TypeError), (math.nan, ValueError)):
            with self.assertRaises(error):
                self.run_.log("v", 1, time=time)
        self.run_.complete()
        times = {one.time_ns for one in self.only_run().records("metric")}
        self.assertEqual(times, {int(when.timestamp()) * 10**9})

    def test_what_runs_in_a_conversion_harms_nothing(self):
        run = self.run_
        values = {}

        class Changing:
            def __float__(self):
                for i in range(100):
                    values[f"new/{i}"] = 1.0
                values.pop("first", None)
                run.log("inner", 1.0)
                return 2.0

        values.update(first=1.0, second=Changing(), third=3.0)
        run.log(values, step=1)
        with run.step(2) as now:
            now.log("outer", Changing())
        numbers = [1.0, Changing(), 2.0]
        run.log_list("list", numbers)
        self.assertEqual([name for name, _, _ in self.logged()],
                         ["inner", "first", "second", "third", "inner", "outer", "inner"])

    def test_a_dict_in_itself_is_an_error(self):
        endless = {}
        endless["self"] = endless
        with self.assertRaises(RecursionError):
            self.run_.log(endless)
        with self.assertRaises(ValueError):
            self.run_.params(endless)
        self.assertEqual(self.logged(), [])

    def test_facts(self):
        run = self.run_
        run.params({"lr": 3e-4, "model": {"layers": 12, "kind": "gpt", "none": None}})
        run.param("huge", 2**64)
        run.tag("stage", "warmup")
        run.tag("gone")
        run.remove_tag("gone")
        self.assertTrue(run.property("commit", "a"))
        self.assertFalse(run.property("commit", "b"))
        run.complete()
        found = self.only_run()
        self.assertEqual(found.params, {"lr": 3e-4, "model/layers": 12, "model/kind": "gpt",
                                        "model/none": "None", "huge": str(2**64)})
        self.assertEqual(found.tags, {"stage": "warmup"})

    def test_many_names_and_many_entries(self):
        names = [f"name {number}" for number in range(200)]
        for _ in range(20):
            for name in names:
                self.run_.log(name, 1.0, 1)
            self.run_.log({name: 2.0 for name in names}, step=2)
            for number in range(200):
                self.run_.log(f"name {number}", 3.0, step=3)
        found = self.logged()
        self.assertEqual(len(found), 20 * 600)
        for name in names:
            self.assertEqual([value for one, _, value in found if one == name], [1.0, 2.0, 3.0] * 20)

    def test_paths_that_are_no_text(self):
        import os
        root = os.fsencode(self.dir) + b"/r\xff"
        with runlog.start_logging(root=os.fsdecode(root), store=self.dir / "store") as run:
            run.log("v", 1.0)
            self.assertTrue(os.fsencode(run.path).startswith(root))
            self.assertIs(pickle.loads(pickle.dumps(run)), run)
        self.assertEqual(self.values(self.only_run(os.fsdecode(root)), "v"), [1.0])

    def test_names_of_azureml(self):
        run = runlog.Run.get_context()
        self.assertIs(run, self.run_)
        run.set_tags({"a": 1, "b": "c"})
        run.log("loss", 0.5)
        run.log("loss", 0.25)
        (self.dir / "f").write_text("f")
        with self.assertRaises(runlog.Error):
            run.upload_files(["missing", "f"], ["missing", "f"])
        self.assertEqual(run.file_names(), ["f"])
        self.assertEqual(run.get_metrics(), {"loss": [0.5, 0.25]})
        self.assertEqual(run.get_metrics("none"), {})
        self.assertEqual(run.get_status(), "running")
        run.complete()
        self.assertEqual(self.only_run().tags, {"a": "1", "b": "c"})

    def test_names_of_others(self):
        run = self.run_
        runlog.log({"loss": 0.5}, step=1)
        run.log_metric("loss", 0.25, 2)
        run.log_metrics({"loss": 0.125}, 3)
        run.add_scalar("loss", 1.0, 4, 1.5e9)
        run.add_scalars("losses", {"a": 1, "b": 2}, 5)
        run.log_param("lr", 1)
        run.log_params({"x": {"y": 2}})
        run.set_tag("t", 3)
        (self.dir / "f").write_text("f")
        run.log_artifact(self.dir / "f", "in")
        self.assertEqual(run.file_names(), ["in/f"])
        runlog.finish()
        self.assertEqual(run.status, "complete")
        found = self.only_run()
        self.assertEqual((found.params, found.tags), ({"lr": 1, "x/y": 2}, {"t": "3"}))
        self.assertEqual(sorted(self.logged()), [
            ("loss", 1, 0.5), ("loss", 2, 0.25), ("loss", 3, 0.125), ("loss", 4, 1.0),
            ("losses/a", 5, 1), ("losses/b", 5, 2)])

    def test_handles_are_pickled_as_what_they_stand_for(self):
        run = self.run_
        self.assertIs(pickle.loads(pickle.dumps(run)), run)
        handle = pickle.loads(pickle.dumps(run.metric("loss")))
        handle(1.5, 2)
        with self.assertRaises(TypeError):
            pickle.dumps(run.step(1))
        self.assertEqual(self.logged(), [("loss", 2, 1.5)])

    def test_a_step_of_another_thread_or_process_keeps_its_number(self):
        import os
        import threading
        now = self.run_.step(4)
        thread = threading.Thread(target=now.log, args=("thread", 1))
        thread.start()
        thread.join()
        child = os.fork()
        if child == 0:
            now.log("child", 2)
            os._exit(0)
        os.waitpid(child, 0)
        now.log("here", 3)
        self.assertEqual(sorted(self.logged()), [("child", 4, 2), ("here", 4, 3), ("thread", 4, 1)])

    def test_handles_of_the_native_module_are_not_made_by_hand(self):
        for kind in (runlog.Metric, runlog.Step):
            with self.assertRaises(TypeError):
                kind()
            with self.assertRaises(TypeError):
                kind.name = 1
        inert = pickle.loads(pickle.dumps(runlog.Run()))
        inert.log("v", 1.0, 1)
        inert.metric("v")(1.0, 1)
        inert.complete()
        self.assertEqual((inert.id, inert.status), ("", "cancelled"))

    def test_a_start_that_fails_leaves_no_run(self):
        for options in ({"config": 5}, {"tags": 5}):
            with self.assertRaises(TypeError):
                runlog.start_logging(root="other", **options)
        self.assertFalse((self.dir / "other").exists())
        with runlog.start_logging(root="other", config=types.SimpleNamespace(lr=0.5)):
            pass
        self.assertEqual(self.only_run("other").params, {"lr": 0.5})

    def test_options(self):
        for options in ({"sync": "sometimes"}, {"nonsense": 1}, {"run_id": "../x"}):
            with self.assertRaises(runlog.Error) as raised:
                runlog.start_logging(root="other", **options)
            self.assertEqual(raised.exception.code, "invalid_argument")
        with runlog.start_logging(root="other", sync="each_record", keep_shipped=False,
                                  ship_interval=datetime.timedelta(seconds=5), rank=3,
                                  overflow="block", tags=["a"]) as run:
            run.log("v", 1)
            run.log({"v": 2})
            run.metric("v")(3.0, 1)
            self.assertTrue(run.wait_until("durable"))
        self.assertEqual(self.only_run("other").journals[0].rank, 3)
        self.assertEqual(self.values(self.only_run("other"), "v"), [1, 2, 3.0])

    def test_calls_after_the_end_are_counted(self):
        self.run_.complete()
        self.run_.log("late", 1)
        self.assertEqual(self.run_.stats()["dropped"], 1)
        self.assertEqual(self.run_.status, "complete")

    def test_help_names_units_and_errors(self):
        for call in (runlog.start_logging, runlog.open, runlog.recover, runlog.Run.log,
                     runlog.Run.upload_file, runlog.Run.child_run):
            self.assertIn("aises", call.__doc__, call)
        undocumented = [name for name in dir(runlog.Run) if not name.startswith("_")
                        and not getattr(runlog.Run, name).__doc__]
        self.assertEqual(undocumented, [])


if __name__ == "__main__":
    sys.exit(main())
