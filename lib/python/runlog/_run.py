"""Run and start_logging."""

from __future__ import annotations

import os
import sys
import threading
import time as clock
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Literal, SupportsFloat, Union

from . import _convert, _ends, _fault_text, _join, _native
from ._native import Metric as Metric
from ._native import Step as Step
from ._other_names import OtherNames

Number = Union[SupportsFloat, Any]  # int, float, bool; a scalar, 0-d array or tensor
Level = Literal["debug", "info", "warning", "error"]
Status = Literal["running", "complete", "failed", "cancelled"]
Stage = Literal["committed", "durable", "shipped"]

_LEVELS = {"debug": 0, "info": 1, "warning": 2, "error": 3}
_STAGES = {"committed": 0, "durable": 1, "shipped": 2}
_STATUSES: tuple[Status, ...] = ("running", "complete", "failed", "cancelled")
_TIMEOUT_MS_MAX = 1 << 50

_attribute = property  # Run has a method of that name


class Run(_native.Run, OtherNames):
    """One process's part in one training run. `start_logging` makes it.

    What a call has logged survives any death of the process once the call has returned. Any thread
    may call, and so may forked children, whose records go to journals of their own.

    A call raises TypeError, ValueError or OverflowError, and logs nothing, for arguments that it
    cannot take. Calls that return a result or copy a file raise runlog.Error where that fails. The
    others raise nothing else: what finds no room on the disk is dropped and counted in `stats()`.

    Use it as a context manager, or end it with `complete`, `fail` or `cancel`. Otherwise the end of
    the process ends it: as complete, or as failed with the exception that nobody caught or with the
    exit status.
    """

    __slots__ = ("_settings", "_pending", "_lock", "__weakref__")
    _settings: list[tuple[str, bytes]]
    _pending: list[tuple[Any, Any, str, int | None, float]]
    _lock: Any  # of _pending; again by the same thread, in a signal's handler

    def __init__(self) -> None:
        """A handle without a run: its calls do nothing."""
        self._settings = []
        self._forget_pending()

    @classmethod
    def get_context(cls) -> Run:
        """The run of this process: the last that was started and has not ended.

        In a process that such a process has started, a part of that process's run, with a journal
        of its own. Otherwise starts a run, with the options that RUNLOG_* variables give.
        Raises runlog.Error where a start fails.
        """
        run: Run | None = _ends.current()
        if run is not None:
            return run
        with _ends.starts:  # threads that come at once get one run
            run, found = _ends.current(), _join.found()
            if run is not None:
                return run
            return joined(found) if found is not None else start_logging()

    # ---- Structured values ----

    def log_list(self, name: str, values: Any, step: int | None = None, *,
                 time: Any = None) -> None:
        """Logs numbers as one value: a list, array, tensor (also of a device) or column.

        Arrays of several dimensions become flat, row by row.
        """
        self._log_list(name, _convert.array(values), step, time=time)

    def log_row(self, name: str, columns: Mapping[str, Number] | None = None,
                step: int | None = None, *, time: Any = None, **more: Number) -> None:
        """Logs named numbers as one value: log_row("summary", {"precision": 0.9}, step=3)."""
        self._log_row(name, {**(columns or {}), **more}, step, time=time)

    def log_table(self, name: str, columns: Any, step: int | None = None, *,
                  time: Any = None) -> None:
        """Logs columns of numbers as one value: {"fpr": [...], "tpr": [...]}, or a data frame."""
        self._log_table(name, _convert.columns(columns), step, time=time)

    def log_histogram(self, name: str, values: Any = None, step: int | None = None, *,
                      bins: int = 64, edges: Any = None, counts: Any = None,
                      time: Any = None) -> None:
        """Logs a histogram of `values` in `bins` bins of one width, or one that is made.

        `edges` ascend, and are one more than `counts`. NaN and infinities of `values` are left out.
        """
        if edges is None or counts is None:
            if values is None:
                raise TypeError("log_histogram() needs values, or edges and counts")
            edges, counts = _convert.histogram(values, bins)
        self._log_histogram(name, _convert.array(edges), _convert.array(counts), step, time=time)

    def log_json(self, schema: str, document: Any, *, time: Any = None) -> None:
        """Logs a JSON document: a str, which is not checked, or what json.dumps takes."""
        if not isinstance(document, (str, bytes)):
            import json
            document = json.dumps(document)
        self._log_json(schema, document, time=time)

    def text(self, message: str, level: Level = "info", *, time: Any = None) -> None:
        """Logs a text."""
        if level not in _LEVELS:
            raise ValueError(f"level must be one of {', '.join(_LEVELS)}, not {level!r}")
        self._text(message, _LEVELS[level], time=time)

    def log_later(self, name: str, value: Any, step: int | None = None) -> None:
        """Logs a scalar of a CUDA device without waiting for the device, with the time of this call.

        The copy runs beside the device's work. The value is in the journal once it has arrived and
        this method, `flush`, `wait_until` or the end of the run has been called again: a job that
        is killed before loses it. Other values are logged at once. `log` waits for the device, some
        ten microseconds and all work that is queued there.
        """
        self._log_arrived()
        torch = sys.modules.get("torch")
        if torch is None or not getattr(value, "is_cuda", False):
            self.log(name, value, step)
        else:
            value = value.detach().reshape(())
            host = torch.empty((), dtype=value.dtype, pin_memory=True)
            host.copy_(value, non_blocking=True)
            arrived = torch.cuda.Event()
            arrived.record(torch.cuda.current_stream(value.device))
            self._pending.append((arrived, host, name, step, clock.time()))

    def _log_arrived(self, waits: bool = False) -> None:
        if not self._pending:
            return
        with self._lock:
            try:
                while self._pending and (waits or self._pending[0][0].query()):
                    arrived, host, name, step, time = self._pending[0]
                    arrived.synchronize()
                    del self._pending[0]
                    self.log(name, host, step, time=time)
            except Exception as error:  # the device is lost, and the end must not fail for it
                lost, self._pending = len(self._pending), []
                self.text(f"{lost} values of log_later have not arrived: {_ends.text_of(error)}",
                          "warning")

    def _log_pending(self) -> None:
        """Waits for the values of `log_later` and logs them."""
        self._log_arrived(waits=True)

    def _forget_pending(self) -> None:
        """In a forked child, whose parent logs them."""
        self._pending = []
        self._lock = threading.RLock()

    # ---- Images and files ----

    def log_image(self, name: str, image: Any, step: int | None = None) -> None:
        """Logs an image: a path, encoded bytes, a PIL image, a matplotlib figure, or pixels.

        Pixels are an array or tensor of the shape (height, width), (height, width, channels) or
        (channels, height, width), of integers from 0 to 255 or floats from 0 to 1. On return the
        journal has a synced copy; the call costs a write and a sync. Raises runlog.Error.
        """
        if isinstance(image, (str, os.PathLike)):
            self._log_image_file(name, os.fsencode(image), step)
        else:
            self._log_image(name, _convert.image(image), step)

    def upload_file(self, name: str, path: str | os.PathLike[str] | None = None,
                    step: int | None = None) -> None:
        """Copies a file into the journal and syncs it: it may be deleted at once.

        upload_file(path) names it by the last part of its path. Raises runlog.Error.
        """
        if path is None:
            path, name = name, os.path.basename(os.fspath(name))
        self._upload_file(name, os.fsencode(path), step)

    def upload_folder(self, name: str, path: str | os.PathLike[str]) -> dict[str, int]:
        """Copies each regular file below `path` as name/relative/path; links are not followed.

        Returns how many were `staged`, their `bytes`, and what was skipped. Raises runlog.Error,
        when it has tried all, where one could not be copied.
        """
        return self._upload_folder(name, os.fsencode(path))

    # ---- Facts ----

    def param(self, name: str, value: Any) -> None:
        """Records a parameter: a number, a str, or the str() of anything else."""
        try:
            self._param(name, value)
        except (TypeError, ValueError):  # an array of several numbers is none
            self._param(name, str(value))

    def params(self, values: Mapping[str, Any]) -> None:
        """Records parameters; those of a dict in it have its name and a slash before theirs."""
        for name, value in _convert.flattened(values):
            self.param(name, value)

    def tag(self, name: str, value: Any = "") -> None:
        """Sets a tag, which may change."""
        self._tag(name, value if isinstance(value, (str, bytes)) else str(value))

    def property(self, name: str, value: str) -> bool:
        """Sets a property once: the first value stands. False: there was another one."""
        return self._property(name, value)

    # ---- How far it is ----

    @_attribute
    def status(self) -> Status:
        """Whether it runs, or how it has ended."""
        return _STATUSES[self._status()]

    @_attribute
    def stop_requested(self) -> bool:
        """True once a signal of the option `stop_signals` has asked this process to stop."""
        return self._stop_requested()

    def flush(self) -> None:
        """A hint to seal, pack and ship now what has been logged. Returns at once."""
        self._log_arrived()
        self._flush()

    def wait_until(self, stage: Stage, timeout: float = 60.0) -> bool:
        """Waits until all that was logged before this call survives power loss ("durable"), or is
        in the store ("shipped").

        False: not within `timeout` seconds, or it cannot be reached; `last_error` says why. Other
        threads run meanwhile, and a signal's handler within some seconds.
        """
        if stage not in _STAGES:
            raise ValueError(f"stage must be one of {', '.join(_STAGES)}, not {stage!r}")
        if not timeout >= 0:
            raise ValueError("timeout must be seconds, 0 or more")
        self._log_pending()
        timeout_ms = int(min(timeout * 1000, _TIMEOUT_MS_MAX))
        return self._wait_until(_STAGES[stage], timeout_ms) == 0

    # ---- The end ----

    def complete(self) -> None:
        """Ends the run: packs and ships what is left, for at most the option `finish_deadline`.

        The first of `complete`, `fail` and `cancel` wins. Later records are dropped and counted.
        """
        self._log_pending()
        self._complete()
        self._has_ended()

    def finish(self, exit_code: int = 0) -> None:
        """Ends the run as the exit status says: `complete`, or `fail`."""
        if exit_code == 0:
            self.complete()
        else:
            self.fail("", f"exit status {exit_code}")

    def fail(self, error: BaseException | str = "", message: str = "") -> None:
        """Ends the run as failed: for an exception, with its type, text and traceback."""
        self._log_pending()
        if isinstance(error, BaseException):
            if self.status == "running":
                self.text(_ends.traceback_of(error), "error")
            self._end_failed(_ends.name_of(error), _ends.text_of(error))
        else:
            self._end_failed(str(error), message)

    def _end_failed(self, code: str, message: str) -> None:
        self._fail(code, message)
        self._has_ended()

    def cancel(self) -> None:
        """Ends the run as cancelled."""
        self._log_pending()
        self._cancel()
        self._has_ended()

    def _has_ended(self) -> None:
        _ends.forget(self)
        other = _ends.current()
        _join.offer(_join.settings_of(other) if other is not None else None)

    def __enter__(self) -> Run:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        _ends.end_by(self, error)

    # ---- Others of its kind ----

    def child_run(self, name: str) -> Run:
        """Starts a run of its own that names this one as its parent. Its id is `<id>.<name>`.

        Raises runlog.Error.
        """
        return _begun(_native.child(Run, self, name), self._settings)

    def __reduce__(self) -> Any:
        if not self.id:
            return (Run, ())
        return (_unpickled, (self.session, _join.settings_of(self)))

    def __repr__(self) -> str:
        return f"<runlog.Run {self.id!r} in {self.path!r}: {self.status}>"


def _begun(run: Any, settings: list[tuple[str, bytes]]) -> Run:
    run._settings = settings
    run._forget_pending()
    try:
        _ends.keep(run)
        _join.offer(_join.settings_of(run))
    except BaseException as error:
        _ends.end_by(run, error)
        raise
    assert isinstance(run, Run)
    return run


def _start(settings: list[tuple[str, bytes]], may_wait: bool) -> Run:
    _fault_text.prepare()
    _join.reserve()
    return _begun(_native.start(Run, settings, may_wait), _convert.with_whole_store(settings))


def joined(settings: list[tuple[str, str]]) -> Run:
    """A part of another process's run."""
    texts = [(name, value.encode("utf-8", "surrogateescape")) for name, value in settings]
    run = _start(texts, _convert.may_wait(dict(settings)))
    if _join.is_child_of_multiprocessing():
        _ends.end_with_process()
    return run


def _unpickled(session: str, settings: list[tuple[str, str]]) -> Run:
    """The run of a pickle or copy: in this process itself, ended or not, or joined, once."""
    with _ends.starts:
        run = _ends.started(session)
        if run is not None:
            return run  # type: ignore[no-any-return]
        if _ends.is_of_this_process(session):
            return Run()  # it has ended, and nobody holds it
        run_id = dict(settings)["run_id"]
        for other in list(_ends.open_runs.values()):
            if other.id == run_id:
                return other
        return joined(settings)


def start_logging(*, project: str | None = None, experiment: str | None = None,
                  root: str | os.PathLike[str] | None = None, store: str | None = None,
                  run_id: str | None = None, name: str | None = None, group: str | None = None,
                  config: Any = None,
                  tags: Mapping[str, Any] | list[str] | str | None = None,
                  **options: Any) -> Run:
    """Starts a run: makes its journal below `root` ("runs"), and three background threads.

    `config` are parameters: a mapping, or an object with attributes; a dict in it becomes names with
    slashes. `tags` is a mapping, a list of names, or one. `store` is a directory or the URL of a cloud, to which packs are shipped. `options` are
    those of the guide, by name: sync="each_record", ship_interval="10s" (or a timedelta, or
    seconds), disk_budget="4GiB", overflow="block", resume="must", stop_signals="TERM,USR1", rank=3.
    What is not given comes from RUNLOG_* variables, launchers and defaults.

    Uses no network, and takes some milliseconds. Raises runlog.Error where an option is unusable or
    the disk full or read-only, TypeError or ValueError for `config` or `tags` that cannot be, and
    starts no run then. `init` is the same function.
    """
    given = {"root": root, "project": project, "experiment": experiment, "run_id": run_id,
             "name": name, "group": group, "store": store, **options}
    if _join.is_child_of_multiprocessing() and "parent_run" not in options:
        given["parent_run"] = dict(_join.found() or []).get("run_id")
    params = list(_convert.flattened(_convert.mapping(config)))
    named_tags = _convert.tags(tags)
    _tell(Run(), params, named_tags)  # for what they cannot be, no run is started
    run = _start(_convert.settings(given.items()), _convert.may_wait(given))
    try:
        _tell(run, params, named_tags)
    except BaseException as error:
        _ends.end_by(run, error)
        raise
    return run


def _tell(run: Run, params: list[tuple[str, Any]], tags: dict[str, Any]) -> None:
    for name, value in params:
        run.param(name, value)
    run.set_tags(tags)
