"""How a process that the run's process has started finds the run.

The environment names it, for all children; a child of multiprocessing gets it with the settings of its
process, as the server of `forkserver` may be older than the run. A forked child has the handles
themselves and needs none of this.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

VARIABLE = "RUNLOG_PYTHON_RUN"
_KEY = "runlog"  # in the settings that multiprocessing hands to a child

# Options that a process which joins a run does not take from it.
_OWN_OPTIONS = {"tags", "params", "resume", "run_id", "root", "rank", "parent_run"}


def settings_of(run: Any) -> list[tuple[str, str]]:
    """The settings of a start that joins `run` in another process. That one's journal names the run
    as its own parent, and is so told from an attempt: see RunLog."""
    journal = os.path.basename(run.path)
    return [("root", os.path.dirname(os.path.dirname(run.path))), ("run_id", run.id),
            ("parent_run", run.id), ("rank", journal[1:journal.index("-", 2)]),
            ("resume", "allow"),
            *((name, os.fsdecode(value)) for name, value in run._settings
              if name not in _OWN_OPTIONS)]


def reserve() -> None:
    """Makes room for the variable, before threads of a run might read the environment."""
    os.environ.setdefault(VARIABLE, "")


def offer(settings: list[tuple[str, str]] | None) -> None:
    """What children of this process find; None: nothing."""
    text = "" if settings is None else json.dumps({"pid": os.getpid(), "settings": settings})
    os.environ[VARIABLE] = text
    process = sys.modules.get("multiprocessing.process")
    config = getattr(process.current_process(), "_config", None) if process else None
    if isinstance(config, dict):
        if text:
            config[_KEY] = text
        else:
            config.pop(_KEY, None)


def found() -> list[tuple[str, str]] | None:
    """The settings of the run of a parent of this process, or None."""
    process = sys.modules.get("multiprocessing.process")
    config = getattr(process.current_process(), "_config", None) if process else None
    texts = [config.get(_KEY) if isinstance(config, dict) else None, os.environ.get(VARIABLE)]
    for text in texts:
        try:
            offered: Any = json.loads(text) if text else None
            if isinstance(offered, dict) and offered["pid"] != os.getpid():
                return [(str(name), str(value)) for name, value in offered["settings"]]
        except (ValueError, KeyError, TypeError):
            continue  # not ours
    return None


def is_child_of_multiprocessing() -> bool:
    process = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None
