"""runlog: logging of training metrics that survives the death of the job.

    import runlog

    with runlog.start_logging(project="mnist", config={"lr": 3e-4}) as run:
        loss = run.metric("train/loss")          # a handle, for hot loops
        for step in range(1000):
            loss(1 / (step + 1), step)
            run.log({"train/lr": 3e-4, "gpu": {"power": 300.0}}, step=step)
        run.upload_file("checkpoint.pt")

A call appends to a memory-mapped journal and returns; the kernel then holds what it wrote, whatever
happens to the process. Background threads sync, pack and ship it. After a kill:

    runlog.recover("runs")                       # packs and ships what is left
    for run in runlog.open("runs"):
        print(run.id, run.state, run.reason)
        steps, values, times = run.metrics("train/*")["train/loss"]

Run has the calls that log, open() those that read, recover() those that finish a dead job's work.
"""

from typing import Any as _Any

from ._error import Error as Error
from ._native import version as __version__
from ._reading import NO_STEP as NO_STEP
from ._reading import Journal as Journal
from ._reading import Metrics as Metrics
from ._reading import Points as Points
from ._reading import Record as Record
from ._reading import RunLog as RunLog
from ._reading import Runs as Runs
from ._reading import open as open
from ._recovery import clean as clean
from ._recovery import recover as recover
from ._run import Metric as Metric
from ._run import Run as Run
from ._run import Step as Step
from ._run import start_logging as start_logging

init = start_logging


def log(*metrics: _Any, **how: _Any) -> None:
    """Run.log of the run of this process, as Run.get_context has it."""
    Run.get_context().log(*metrics, **how)


def finish(exit_code: int = 0) -> None:
    """Run.finish of the run of this process."""
    Run.get_context().finish(exit_code)


__all__ = ["Error", "Journal", "Metric", "Metrics", "NO_STEP", "Points", "Record", "Run", "RunLog",
           "Runs", "Step", "__version__", "clean", "finish", "init", "log", "open", "recover",
           "start_logging"]
