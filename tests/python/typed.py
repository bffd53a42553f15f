"""Uses the package as a program with types does; package_test.py has mypy look at it."""

from __future__ import annotations

import datetime

import runlog


def train(run: runlog.Run) -> float:
    loss = run.metric("loss")
    loss(0.5, 1)
    run.log("loss", 0.5, step=1)
    run.log({"a": 1, "b": {"c": 2.0}}, step=2, time=datetime.datetime.now())
    with run.step(3) as now:
        now.log(loss, 1)
    run.log_list("list", [1, 2])
    run.text("words", "warning")
    status: str = run.status
    done: bool = run.wait_until("durable", timeout=1.0)
    dropped: int = run.stats()["dropped"]
    run.fail(ValueError("bad"))
    return len(status) + done + dropped


def read(place: str) -> float:
    total = 0.0
    for run in runlog.open(place):
        for record in run.records("metric"):
            total += record.value or 0
        step, value, time_ns = run.metrics("train/*")["train/loss"]
        total += float(value[0])
    for outcome in runlog.recover(place, timeout="1m"):
        print(outcome.verdict)
    return total


with runlog.start_logging(project="p", config={"lr": 1e-3}, tags=["a"], sync="interval") as started:
    train(started)
