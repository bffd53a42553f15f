"""Promise: the programs of docs/python.md and README.md do what these say, and the trainer of
tools/quickstart --python loses nothing when it is killed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import runlog
from support import PACKAGE, TestCase, main

SOURCE = Path(os.environ["RUNLOG_SOURCE"])


def blocks(page, language):
    text = (SOURCE / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


class DocumentsTest(TestCase):
    def test_the_page_of_python(self):
        script = blocks("docs/python.md", "sh")[0]
        script = "\n".join(line for line in script.splitlines() if not line.startswith("pip "))
        (self.dir / "bin").mkdir()
        (self.dir / "bin" / "python3").symlink_to(sys.executable)
        environment = {**os.environ, "PYTHONPATH": str(PACKAGE),
                       "PATH": f"{self.dir}/bin:{os.environ['PATH']}"}
        shell = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=120,
                               env=environment)
        self.assertEqual(shell.returncode, 0, shell.stderr)
        lines = shell.stdout.splitlines()
        self.assertEqual(lines[0], "shipped")
        self.assertRegex(lines[1], r"^crashed .*0\.0003.* 700$")

    def test_the_first_program(self):
        self.run_program(blocks("README.md", "python")[0])
        run = self.only_run()
        self.assertEqual((run.state, run.project, run.params), ("complete", "minimal", {"lr": 3e-4}))
        self.assertEqual(len(run.metrics()["train/loss"].step), 1000)

    def test_the_trainer(self):
        example = SOURCE / "docs" / "examples" / "train.py"
        text = SOURCE / "README.md"
        trainer = subprocess.run(
            [sys.executable, example, "--kill-at-step", "300", "--acknowledged", "counted", text],
            capture_output=True, text=True, timeout=120,
            env={**os.environ, "PYTHONPATH": str(PACKAGE)})
        self.assertEqual(trainer.returncode, -9, trainer.stderr)
        while any(one.verdict == "live" for one in runlog.recover("runs", store="store")):
            pass  # its worker is about to end
        tool = Path(os.environ["RUNLOG_BIN"]) / "runlog"
        with open("records", "w") as records:
            subprocess.run([tool, "cat", "--json", "store"], stdout=records, check=True)
        Path("counted").write_bytes(Path("counted").read_bytes().replace(b"\0", b""))
        counted = subprocess.run(
            ["awk", "-f", SOURCE / "tools" / "count_acknowledged.awk", "counted", "records"],
            capture_output=True, text=True)
        self.assertEqual(counted.returncode, 0, counted.stdout)
        self.assertIn("lost 0", counted.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())
