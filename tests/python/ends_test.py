"""Promise: however the program ends, what it logged is there, and the run tells how it ended."""

import os
import signal
import sys

from support import TestCase, main

BEGIN = "import runlog, sys, os, threading, time, signal\n"
START = BEGIN + "run = runlog.start_logging()\nrun.log('v', 1.0, 1)\n"


class EndsTest(TestCase):
    def ended(self, code, status=0, **how):
        """Runs the program; returns the run's state and reason."""
        _, self.err = self.run_program(code, status=status, **how)
        run = self.only_run()
        self.assertEqual(self.values(run, "v"), [1.0])
        return run.state, run.reason

    def texts(self):
        return [one.text for one in self.only_run().records("text", "error")]

    def test_end_of_main(self):
        self.assertEqual(self.ended(START), ("complete", ""))

    def test_exit_status(self):
        self.assertEqual(self.ended(START + "sys.exit(3)", 3), ("failed", "exit status 3"))

    def test_exit_in_a_block(self):
        code = BEGIN + "with runlog.init() as run:\n    run.log('v', 1.0)\n    sys.exit({})"
        self.assertEqual(self.ended(code.format(3), 3), ("failed", "exit status 3"))

    def test_exit_0_in_a_block(self):
        code = BEGIN + "with runlog.init() as run:\n    run.log('v', 1.0)\n    sys.exit()"
        self.assertEqual(self.ended(code), ("complete", ""))

    def test_a_status_has_eight_bits(self):
        code = BEGIN + ("with runlog.init() as run:\n    run.log('v', 1.0)\n"
                        "    sys.exit(int(sys.argv[1]))")
        for number, status in ((256, 0), (-512, 0), (257, 1), (1 << 64, 255)):
            with self.subTest(number=number):
                root = f"root{number}"
                self.run_program(code, number, status=status, env={"RUNLOG_ROOT": root})
                self.assertEqual(self.only_run(root).state, "failed" if status else "complete")

    def test_uncaught_exception(self):
        self.assertEqual(self.ended(START + "raise ValueError('it is bad')", 1),
                         ("failed", "ValueError: it is bad"))
        self.assertIn("raise ValueError('it is bad')", self.texts()[0])
        self.assertIn("ValueError: it is bad", self.err)

    def test_exception_leaves_a_block(self):
        code = BEGIN + "with runlog.init() as run:\n    run.log('v', 1.0)\n    {}['key']"
        self.assertEqual(self.ended(code, 1), ("failed", "KeyError: 'key'"))
        self.assertIn("{}['key']", self.texts()[0])

    def test_exception_whose_text_fails(self):
        code = START + "class E(Exception):\n    def __str__(self): raise E\nraise E()"
        self.assertEqual(self.ended(code, 1)[0], "failed")

    def test_exception_in_a_thread(self):
        code = START + ("def work(): raise OSError('in a thread')\n"
                        "thread = threading.Thread(target=work)\nthread.start()\nthread.join()\n")
        self.assertEqual(self.ended(code), ("failed", "OSError: in a thread"))
        self.assertIn("in work", self.texts()[0])

    def test_an_exception_in_a_thread_keeps_nothing_alive(self):
        code = START + ("import gc, weakref\n"
                        "class Large: pass\n"
                        "def work():\n    global seen\n    large = Large()\n"
                        "    seen = weakref.ref(large)\n    raise OSError\n"
                        "thread = threading.Thread(target=work)\nthread.start()\nthread.join()\n"
                        "gc.collect()\nassert seen() is None\nraise ValueError('of main')\n")
        self.assertEqual(self.ended(code, 1), ("failed", "ValueError: of main"))

    def test_exceptions_at_a_prompt_are_no_end(self):
        code = "import sys\nsys.ps1 = '>>> '\n" + START + (
            "try: 1 / 0\nexcept ZeroDivisionError: sys.excepthook(*sys.exc_info())\n")
        self.assertEqual(self.ended(code), ("complete", ""))
        self.assertIn("ZeroDivisionError", self.texts()[0])

    def test_the_word_of_the_program_wins(self):
        code = START + ("def work(): raise OSError('in a thread')\n"
                        "thread = threading.Thread(target=work)\nthread.start()\nthread.join()\n"
                        "run.complete()")
        self.assertEqual(self.ended(code), ("complete", ""))

    def test_hooks_of_the_program_are_called(self):
        code = BEGIN + ("sys.excepthook = lambda *error: print('hook', file=sys.stderr)\n"
                        "run = runlog.init()\nrun.log('v', 1.0)\nraise ValueError")
        self.assertEqual(self.ended(code, 1), ("failed", "ValueError"))
        self.assertIn("hook", self.err)

    def test_interrupt(self):
        code = START + "os.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)"
        self.assertEqual(self.ended(code, -signal.SIGINT), ("failed", "KeyboardInterrupt"))
        self.assertIn("main.py", self.texts()[0])

    def test_sigterm(self):
        code = START + "os.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(60)"
        state, reason = self.ended(code, -signal.SIGTERM)
        self.assertEqual(state, "crashed")
        self.assertIn("SIGTERM", reason)

    def test_stop_signals(self):
        code = BEGIN + ("run = runlog.init(stop_signals='TERM')\nrun.log('v', 1.0)\n"
                        "os.kill(os.getpid(), signal.SIGTERM)\n"
                        "while not run.stop_requested: time.sleep(0.001)\nrun.cancel()")
        self.assertEqual(self.ended(code), ("cancelled", ""))

    def test_fatal_signal_leaves_the_traceback_of_all_threads(self):
        code = START + ("import ctypes\n"
                        "def idle(): time.sleep(60)\n"
                        "threading.Thread(target=idle, daemon=True).start()\n"
                        "def crash(): ctypes.string_at(0)\ncrash()")
        state, reason = self.ended(code, -signal.SIGSEGV)
        self.assertEqual(state, "crashed")
        self.assertIn("SIGSEGV", reason)
        text = self.only_run().journals[0].python_traceback
        self.assertIn("in crash", text)
        self.assertIn("in idle", text)

    def test_a_fault_in_a_forked_child_does_not_write_into_the_parents_journal(self):
        code = START + ("import ctypes\nif os.fork() == 0: ctypes.string_at(0)\nos.wait()")
        self.assertEqual(self.ended(code), ("complete", ""))
        self.assertEqual(self.only_run().journals[0].python_traceback, "")

    def test_os_exit(self):
        self.assertEqual(self.ended(START + "os._exit(3)", 3), ("crashed", ""))

    def test_a_generator_that_is_never_finished(self):
        code = BEGIN + ("def steps():\n    with runlog.init() as run:\n        run.log('v', 1.0)\n"
                        "        yield\nsteps_ = steps()\nnext(steps_)")
        self.assertEqual(self.ended(code), ("cancelled", ""))

    def test_a_cancelled_task(self):
        code = BEGIN + ("import asyncio\n"
                        "async def train():\n    with runlog.init() as run:\n"
                        "        run.log('v', 1.0)\n        await asyncio.sleep(60)\n"
                        "async def top():\n    task = asyncio.create_task(train())\n"
                        "    await asyncio.sleep(0)\n    task.cancel()\n"
                        "    await asyncio.gather(task, return_exceptions=True)\n"
                        "asyncio.run(top())")
        self.assertEqual(self.ended(code), ("cancelled", ""))

    def test_calls_at_exit_and_in_finalizers(self):
        code = BEGIN + ("import atexit\natexit.register(lambda: run.log('v', 1.0))\n"
                        "run = runlog.init()\n"
                        "class Late:\n    def __del__(self, run=run): run.log('w', 2.0)\n"
                        "late = Late()\n")
        self.assertEqual(self.ended(code), ("complete", ""))
        self.assertEqual(self.values(self.only_run(), "w"), [2.0])

    def test_threads_that_outlive_the_interpreter(self):
        code = START + ("def log():\n    while True: run.log('w', 1.0)\n"
                        "def wait():\n    while True: run.wait_until('durable')\n"
                        "for work in (log, wait, log):\n"
                        "    threading.Thread(target=work, daemon=True).start()\n"
                        "time.sleep(0.1)")
        self.assertEqual(self.ended(code), ("complete", ""))

    def test_flags_of_the_interpreter(self):
        code = START + ("run.text('t')\nrun.log_image('i', b'123')\nrun.params({'a': {'b': 1}})\n"
                        "run.wait_until('durable')\n")
        for flags in (["-W", "error"], ["-OO"], ["-S"], ["-B", "-X", "dev"]):
            with self.subTest(flags=flags):
                self.run_program(code, flags=flags, env={"RUNLOG_ROOT": "".join(flags)})
                self.assertEqual(self.only_run("".join(flags)).state, "complete")

    def test_isolated_and_without_a_home(self):
        from support import PACKAGE
        code = f"import sys; sys.path.insert(0, {str(PACKAGE)!r})\n" + START
        environment = {name: "" for name in ("HOME", "USER", "LANG", "PATH")}
        self.assertEqual(self.ended(code, flags=["-I"], env=environment), ("complete", ""))

    def test_closed_descriptors_and_another_directory(self):
        code = "import os\nos.closerange(0, 3)\n" + START + (
            "os.closerange(3, 2000)\nos.chdir('/')\nrun.log('w', 2.0)\n"
            "run.upload_file('f', '/proc/self/../../etc/hostname')\nrun.complete()")
        self.assertEqual(self.ended(code), ("complete", ""))

    def test_descriptors_of_the_program_are_left_alone(self):
        # Not the low ones: a thread of the library may be at work with one.
        code = START + ("os.closerange(600, 2000)\n"
                        "files = [open(f'file{i}', 'wb', buffering=0) for i in range(750)]\n"
                        "if os.fork() == 0:\n    os._exit(0)\n"
                        "os.wait()\nrun.complete()\n"
                        "for file in files: file.write(b'x')\n"
                        "assert all(os.path.getsize(f'file{i}') == 1 for i in range(750))\n")
        self.assertEqual(self.ended(code), ("complete", ""))

    def test_signals_reach_python_while_it_waits(self):
        code = BEGIN + ("run = runlog.init(store='s3://nowhere/x?endpoint=http://127.0.0.1:9')\n"
                        "run.log('v', 1.0)\n"
                        "try:\n"
                        "    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
                        "    run.wait_until('shipped', timeout=600)\n"
                        "except KeyboardInterrupt: os._exit(7)\n")
        environment = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        self.run_program(code, status=7, env=environment)

    def test_nothing_waits_with_the_lock(self):
        """A thread counts while others wait: for the store, for the disk, for the end."""
        code = BEGIN + (
            "run = runlog.init(store='s3://nowhere/x?endpoint=http://127.0.0.1:9',\n"
            "                  finish_deadline=1)\n"
            "run.log('v', 1.0)\n"
            "count, waits = 0, True\n"
            "def wait():\n"
            "    global waits\n"
            "    run.wait_until('shipped', 1)\n"
            "    run.complete()\n"
            "    waits = False\n"
            "thread = threading.Thread(target=wait)\n"
            "thread.start()\n"
            "while waits: count += 1\n"
            "thread.join()\n"
            "os._exit(0 if count > 10000 else 9)\n")
        environment = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        self.run_program(code, env=environment)

    def test_a_second_interpreter_is_refused(self):
        code = ("try: import _xxsubinterpreters as interpreters\n"
                "except ImportError: import _interpreters as interpreters\n"
                "import runlog\n"
                "other = interpreters.create()\n"
                "try: print(interpreters.run_string(other, 'import runlog'))\n"
                "except interpreters.RunFailedError as error: print(error)\n"
                "interpreters.destroy(other)\n" + START)
        out, _ = self.run_program(code)
        self.assertIn("ImportError", out)
        self.assertEqual(self.only_run().state, "complete")

    def test_many_runs_in_one_process(self):
        code = BEGIN + ("for i in range(3):\n    with runlog.init(name=str(i)) as run:\n"
                        "        assert runlog.Run.get_context() is run\n"
                        "        run.log('v', float(i))\n"
                        "outer = runlog.init()\n"
                        "child = outer.child_run('fold')\nchild.log('v', 9.0)\nchild.complete()\n"
                        "assert runlog.Run.get_context() is outer\n")
        self.run_program(code)
        import runlog
        runs = runlog.open("runs")
        self.assertEqual(len(runs), 5)
        self.assertEqual({run.state for run in runs}, {"complete"})


if __name__ == "__main__":
    os.environ.pop("PYTHONFAULTHANDLER", None)
    sys.exit(main())
