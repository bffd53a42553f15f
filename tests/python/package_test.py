"""Promise: the wheel is one file for all interpreters, whole, typed, and brings nothing into a
process but itself."""

import base64
import csv
import hashlib
import importlib.util
import io
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import runlog
from support import PACKAGE, TestCase, main

SOURCE = Path(os.environ["RUNLOG_SOURCE"])
MODULE = Path(runlog._native.__file__)


def back_end():
    place = SOURCE / "lib" / "python" / "build_wheel.py"
    spec = importlib.util.spec_from_file_location("build_wheel", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class PackageTest(TestCase):
    def test_the_wheel_is_whole_and_the_same_each_time(self):
        builder = back_end()
        first = self.dir / "a" / builder.pack(MODULE, self.dir / "a")
        second = self.dir / "b" / builder.pack(MODULE, self.dir / "b")
        self.assertEqual(first.read_bytes(), second.read_bytes())
        self.assertRegex(first.name, r"^runlog-[0-9.]+-cp310-abi3-linux_\w+\.whl$")
        with zipfile.ZipFile(first) as wheel:
            names = wheel.namelist()
            record = next(name for name in names if name.endswith("/RECORD"))
            rows = list(csv.reader(io.StringIO(wheel.read(record).decode())))
            self.assertEqual(sorted(row[0] for row in rows), sorted(names))
            for name, digest, size in rows:
                if name != record:
                    content = wheel.read(name)
                    wanted = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
                    self.assertEqual(digest, "sha256=" + wanted.rstrip(b"=").decode())
                    self.assertEqual(int(size), len(content))
            for name in ("runlog/__init__.py", "runlog/py.typed", "runlog/_native.pyi"):
                self.assertIn(name, names)
        packed = {name for name in names if name.endswith(".py")}
        ours = {f"runlog/{path.name}" for path in (SOURCE / "lib/python/runlog").glob("*.py")}
        self.assertEqual(packed, ours)

    def test_the_module_needs_the_c_library_alone_and_exports_its_entry(self):
        back_end().check(MODULE)
        names = subprocess.run(["nm", "-D", "--defined-only", MODULE], check=True, text=True,
                               capture_output=True).stdout.split()[2::3]
        self.assertEqual(names, ["PyInit__native"])
        undefined = subprocess.run(["nm", "-D", "--undefined-only", MODULE], check=True, text=True,
                                   capture_output=True).stdout
        self.assertNotIn(" _Py_NegativeRefcount", undefined)
        self.assertNotIn("PyObject_Vectorcall", undefined)  # not in 3.10's limited API

    def test_no_library_enters_the_process_before_it_is_used(self):
        code = """
            import sys, runlog
            def libraries():
                with open("/proc/self/maps") as file:
                    return {line.split("/")[-1].split(".so")[0] for line in file if ".so" in line}
            before = libraries()
            run = runlog.start_logging(store="store")
            run.log("v", 1.0)
            run.complete()
            runlog.recover("runs")
            list(runlog.open("runs")[0])
            for name in ("libcurl", "libgssapi_krb5", "libssl", "libcrypto", "libstdc++", "liblz4"):
                assert name in before or name not in libraries(), name
            for module in ("numpy", "torch", "pandas", "PIL", "matplotlib", "ctypes"):
                assert module not in sys.modules, module
            """
        self.run_program(code, flags=["-S"])

    def test_files_are_digested_with_and_without_libcrypto(self):
        code = """
            import runlog
            run = runlog.start_logging(run_id="a")
            run.log_image("image", b"x" * 100000)
            run.text("t" * 2000000)
            run.complete()
            assert list(runlog.open("runs")[0].records("image"))
            """
        digest = hashlib.sha256(b"x" * 100000).hexdigest()
        fake = self.dir / "fake"
        fake.mkdir()
        (fake / "libcrypto.so.3").write_bytes(b"no library")
        for environment in ({}, {"LD_LIBRARY_PATH": str(fake)}):
            with self.subTest(environment=environment):
                shutil.rmtree("runs", ignore_errors=True)
                self.run_program(code, flags=["-S"], env=environment)
                run = self.only_run()
                self.assertEqual([one.text for one in run.records("image")], [digest])
                self.assertEqual(len(list(run.records("spill"))), 1)
                tool = Path(os.environ["RUNLOG_BIN"]) / "runlog"
                subprocess.run([tool, "verify", "runs"], check=True, capture_output=True)

    def test_types(self):
        if shutil.which("mypy") is None:
            self.skipTest("no mypy")
        options = ["--strict", "--cache-dir", str(self.dir / "cache"), "--python-version", "3.10"]
        for what in ([str(PACKAGE / "runlog")], [str(SOURCE / "tests/python/typed.py")]):
            mypy = subprocess.run(["mypy", *options, *what], capture_output=True, text=True,
                                  env={**os.environ, "MYPYPATH": str(PACKAGE)})
            self.assertEqual(mypy.returncode, 0, mypy.stdout)
        (self.dir / "wrong.py").write_text(
            "import runlog\nrun = runlog.start_logging()\nrun.log(1, 2)\nrun.metric(3)\n"
            "run.text('x', 'loud')\n")
        mypy = subprocess.run(["mypy", *options, "wrong.py"], capture_output=True, text=True,
                              env={**os.environ, "MYPYPATH": str(PACKAGE)})
        self.assertEqual(mypy.stdout.count(": error:"), 3, mypy.stdout)

    def test_the_stub_has_what_the_module_has(self):
        stub = (SOURCE / "lib/python/runlog/_native.pyi").read_text()
        for name in dir(runlog._native):
            if not name.startswith("_"):
                self.assertRegex(stub, rf"\b(def|class) {name}\b|^{name}: |\n{name}: ")
        for kind in (runlog._native.Run, runlog.Metric, runlog.Step):
            for name in vars(kind):
                if not name.startswith("__"):
                    self.assertIn(f"def {name}(", stub)


if __name__ == "__main__":
    sys.exit(main())
