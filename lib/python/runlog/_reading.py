"""Reading journals, packs and stores."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Union, overload

from . import _fault_text, _native

#: The step of a record that has none, in Points.
NO_STEP = -(1 << 63)

_BATCH = 1024  # records

Place = Union[str, "os.PathLike[str]"]


class Record(NamedTuple):
    """One record. `value` is a number of a metric, param, image or file, else None; `payload` the
    original bytes of a text that was not UTF-8."""

    kind: str
    name: str
    step: int | None
    value: int | float | None
    text: str | None
    payload: bytes | None
    time_ns: int  #: since 1970 in UTC
    run: str
    rank: int
    session: str
    lane: int
    seq: int


class Points(NamedTuple):
    """The values of one metric, in arrays of one length, by time: of numpy, else of `array`."""

    step: Any  #: int64; NO_STEP where there is none
    value: Any  #: float64
    time_ns: Any  #: int64, since 1970 in UTC


class Metrics(dict[str, Points]):
    """Points by the names of metrics."""

    def to_pandas(self) -> Any:
        """A data frame with the columns name, step, value and time (UTC). Needs pandas."""
        import pandas  # type: ignore[import]
        parts = []
        for name, points in self.items():
            frame = pandas.DataFrame({
                "name": name, "step": points.step, "value": points.value,
                "time": pandas.to_datetime(points.time_ns, unit="ns", utc=True)})
            frame["step"] = frame["step"].astype("Int64").mask(frame["step"] == NO_STEP)
            parts.append(frame)
        if not parts:
            return pandas.DataFrame(columns=["name", "step", "value", "time"])
        return pandas.concat(parts, ignore_index=True)


def _array(code: str, content: bytearray) -> Any:
    try:
        import numpy
        return numpy.frombuffer(content, dtype={"q": "int64", "d": "float64"}[code])
    except ImportError:
        import array
        numbers = array.array(code)
        numbers.frombytes(content)
        return numbers


class Journal(dict[str, Any]):
    """What one process of a run left: the fields of JournalInfo in runlog/reader.hpp, as
    attributes too. `state` is live, complete, failed, cancelled, crashed or unknown."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def python_traceback(self) -> str:
        """Python's traceback of all threads when a fatal signal came; empty: there is none, or it
        is on another machine."""
        return _fault_text.read_from(self["path"])


class RunLog:
    """A run that was logged, and its journals. `open` makes it."""

    def __init__(self, place: bytes, run_id: str, journals: Sequence[Journal],
                 settings: list[tuple[str, str]]) -> None:
        self.id = run_id
        self.journals = list(journals)
        #: Bytes that should have been records, and what could not be read, in the last reading.
        self.damage: list[dict[str, Any]] = []
        self.failures: list[dict[str, Any]] = []
        self._place = place
        self._settings = settings

    def __repr__(self) -> str:
        return f"<runlog.RunLog {self.id!r}: {self.state}, {len(self.journals)} journals>"

    @property
    def project(self) -> str:
        return str(self.journals[0].project)

    @property
    def experiment(self) -> str:
        return str(self.journals[0].experiment)

    @property
    def _last(self) -> Journal:
        """The last attempt of the lowest rank; processes that such a one has forked, or started,
        do not count: their run is their parent."""
        parents = [one for one in self.journals
                   if not one.parent_session and one.parent_run != one.run_id] or self.journals
        rank = min(one.rank for one in parents)
        return max((one for one in parents if one.rank == rank), key=lambda one: int(one.attempt))

    @property
    def state(self) -> str:
        """Of its last attempt: live, complete, failed, cancelled, crashed or unknown."""
        return str(self._last.state)

    @property
    def reason(self) -> str:
        """Why that attempt has ended so; empty: nothing is known."""
        return str(self._last.end_reason)

    def _open(self, **more: Any) -> Any:
        settings = [*self._settings, *((name, str(value)) for name, value in more.items()
                                       if value is not None)]
        if self.id:
            settings.append(("run", self.id))
        return _native.open_reader(self._place, settings)

    def _note(self, reader: Any) -> None:
        self.damage = reader.damage()
        self.failures = reader.failures()

    def metrics(self, glob: str = "*", *, rank: int | None = None) -> Metrics:
        """The metrics whose names match `glob`, of all ranks or of one."""
        reader = self._open(rank=rank)
        found = reader.metrics(glob)
        self._note(reader)
        return Metrics({name: Points(_array("q", found[name][0]), _array("d", found[name][1]),
                                     _array("q", found[name][2])) for name in sorted(found)})

    def records(self, kind: str | None = None, name: str | None = None, *,
                rank: int | None = None) -> Iterator[Record]:
        """All records, merged by time, or those of one kind or name.

        Kinds: metric, text, param, tag, tag_removed, property, list, row, table, histogram, image,
        json, file, rewind, status, child, gap, spill.
        """
        reader = self._open(rank=rank)
        while batch := reader.read(_BATCH):
            for fields in batch:
                if (kind is None or fields[0] == kind) and (name is None or fields[1] == name):
                    yield Record(*fields)
        self._note(reader)

    def __iter__(self) -> Iterator[Record]:
        return self.records()

    @property
    def params(self) -> dict[str, Any]:
        """The last value of each parameter."""
        return {one.name: one.text if one.value is None else one.value
                for one in self.records("param")}

    @property
    def tags(self) -> dict[str, str]:
        """The tags as they were at the end."""
        tags: dict[str, str] = {}
        for one in self.records():
            if one.kind == "tag":
                tags[one.name] = one.text or ""
            elif one.kind == "tag_removed":
                tags.pop(one.name, None)
        return tags


class Runs(Sequence[RunLog]):
    """The runs of a place, by id. `failures` has what could not be read."""

    def __init__(self, runs: list[RunLog], failures: list[dict[str, Any]]) -> None:
        self._runs = runs
        self.failures = failures

    def __len__(self) -> int:
        return len(self._runs)

    @overload
    def __getitem__(self, key: int | str) -> RunLog: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[RunLog]: ...

    def __getitem__(self, key: int | str | slice) -> RunLog | Sequence[RunLog]:
        """By number, or by id."""
        if isinstance(key, str):
            for run in self._runs:
                if run.id == key:
                    return run
            raise KeyError(key)
        return self._runs[key]

    def __repr__(self) -> str:
        return f"<runlog.Runs: {', '.join(run.id for run in self._runs)}>"

    @property
    def runs(self) -> list[RunLog]:
        return list(self._runs)


def open(place: Place, *, apply_rewind: bool = False) -> Runs:
    """The runs in `place`: a root, run, journal, pack or segment file, a store or its URL.

    Live runs are read without disturbing them; what is read has all that was logged before.
    `apply_rewind` leaves out what a rewind has made void. Raises runlog.Error.
    """
    path = os.fsencode(place)
    found, failures = _native.list_journals(path, False)
    by_run: dict[str, list[Journal]] = {}
    for one in found:
        by_run.setdefault(one["run_id"], []).append(Journal(one))
    settings = [("apply_rewind", "1")] if apply_rewind else []
    return Runs([RunLog(path, run_id, journals, settings)
                 for run_id, journals in sorted(by_run.items())], failures)
