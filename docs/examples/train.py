"""A real training loop in Python that logs with runlog: a small model learns which character follows
which in a text that every Debian has, by stochastic gradient descent, with the standard library alone.

    train.py [--root DIR] [--store URL] [--steps N] [--kill-at-step N] [--acknowledged FILE] [TEXT]

The same text gives the same losses. --kill-at-step ends the process with SIGKILL in the middle of that
step, while another thread and a forked process log; --acknowledged names the file of
acknowledged.hpp, where the calls that have returned are counted.
"""

import argparse
import itertools
import math
import mmap
import os
import random
import signal
import tempfile
import threading
import time

import runlog

BATCH = 8
LEARNING_RATE = 1.0
CHECKPOINT_EVERY = 250
LINE_BYTES = 64


class Acknowledged:
    """Counters in a file that is mapped: a kill takes none of them back."""

    def __init__(self, path):
        self._lines = 0
        if path:
            with open(path, "wb+") as file:
                file.truncate(64 * LINE_BYTES)
                self._map = mmap.mmap(file.fileno(), 64 * LINE_BYTES)
        else:
            self._map = mmap.mmap(-1, 64 * LINE_BYTES)

    def counter(self, what):
        """A function that counts one more call of `what`; for one thread."""
        at = self._lines * LINE_BYTES
        self._lines += 1
        self._map[at:at + LINE_BYTES] = f"00000000 {what}".ljust(LINE_BYTES - 1).encode() + b"\n"
        count = 0

        def add():
            nonlocal count
            count += 1
            self._map[at:at + 8] = b"%08d" % count
        return add


class Model:
    """Logits of the next character, a row for each character."""

    def __init__(self, text):
        self._characters = sorted(set(text))
        number = {character: i for i, character in enumerate(self._characters)}
        self._text = [number[character] for character in text]
        self._rows = [[0.0] * len(number) for _ in number]
        self._chance = random.Random(1)

    def step(self):
        """One batch; returns its loss and the norm of its gradient."""
        loss = norm = 0.0
        for _ in range(BATCH):
            at = self._chance.randrange(len(self._text) - 1)
            row, target = self._rows[self._text[at]], self._text[at + 1]
            shares = [math.exp(logit) for logit in row]
            total = sum(shares)
            loss -= math.log(shares[target] / total) / BATCH
            for i, share in enumerate(shares):
                slope = share / total - (i == target)
                norm += slope * slope
                row[i] -= LEARNING_RATE / BATCH * slope
        return loss, math.sqrt(norm)

    def save(self, path):
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(" ".join(map(str, row)) + "\n" for row in self._rows)

    def sample(self, length=60):
        at, text = 0, ""
        for _ in range(length):
            at = self._chance.choices(range(len(self._rows)), [math.exp(x) for x in self._rows[at]])[0]
            text += self._characters[at]
        return text


def log_beside(run, name, acknowledged):
    """Logs 1, 2, 3, … for as long as the process lives: at most ten thousand a second, as whoever
    reads them all may be slower."""
    metric = run.metric(name)
    for step in itertools.count(1):
        metric(step * 0.5, step)
        acknowledged()
        if step % 10 == 0:
            time.sleep(0.001)


def train(run, model, acknowledged, steps, kill_at_step):
    losses, rates, norms, texts, files = map(
        acknowledged.counter, ("metric train/loss", "metric train/learning_rate",
                               "metric train/gradient_norm", "text", "file"))
    loss_of = run.metric("train/loss")
    recent = 0.0
    for step in range(1, steps + 1):
        loss, norm = model.step()
        loss_of(loss, step)
        losses()
        recent += (loss - recent) / min(step, CHECKPOINT_EVERY)
        if step == kill_at_step:
            os.kill(os.getpid(), signal.SIGKILL)
        run.log({"train": {"learning_rate": LEARNING_RATE, "gradient_norm": norm}}, step=step)
        rates()
        norms()
        if step % CHECKPOINT_EVERY == 0:
            print(f"step {step:5}  loss {recent:.4f}", flush=True)
            run.text(model.sample())
            texts()
            with tempfile.NamedTemporaryFile(suffix=".txt") as checkpoint:
                model.save(checkpoint.name)
                run.upload_file("checkpoint", checkpoint.name, step)
            files()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", nargs="?", default="/usr/share/common-licenses/GPL-3")
    parser.add_argument("--root", default="runs")
    parser.add_argument("--store")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--kill-at-step", type=int, default=0)
    parser.add_argument("--acknowledged", default="")
    arguments = parser.parse_args()
    with open(arguments.text, encoding="utf-8") as file:
        model = Model(file.read())
    acknowledged = Acknowledged(arguments.acknowledged)
    config = {"batch": BATCH, "learning_rate": LEARNING_RATE, "text": arguments.text}
    run = runlog.start_logging(root=arguments.root, store=arguments.store, project="train",
                               config=config)
    acknowledged.counter("status")()  # start_logging has recorded that the run started
    params = acknowledged.counter("param")
    for _ in config:
        params()
    thread = acknowledged.counter("metric thread/calls")
    process = acknowledged.counter("metric process/calls")
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        threading.Thread(target=log_beside, args=(run, "process/calls", process), daemon=True).start()
        while os.getppid() == parent:  # and it ends with it
            time.sleep(0.01)
        os._exit(0)
    threading.Thread(target=log_beside, args=(run, "thread/calls", thread), daemon=True).start()
    with run:
        train(run, model, acknowledged, arguments.steps, arguments.kill_at_step)
    os.kill(child, signal.SIGTERM)


if __name__ == "__main__":
    main()
