"""Calls of AzureML's Run that have other names or forms here."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from ._error import Error
from ._reading import open


class AzureMLNames:
    """For Run, whose calls it uses."""

    __slots__ = ()
    path: Any
    status: Any
    tag: Any
    upload_file: Any

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Sets tags."""
        for name, value in tags.items():
            self.tag(name, value)

    def upload_files(self, names: Iterable[str], paths: Iterable[str | os.PathLike[str]]) -> None:
        """Copies files into the journal, as `upload_file`. Raises runlog.Error at the first that
        cannot be copied, when all have been tried."""
        errors = []
        for name, path in zip(names, paths):
            try:
                self.upload_file(name, path)
            except Error as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def get_metrics(self, name: str | None = None) -> dict[str, Any]:
        """The values of each metric of this process, or of one; reads the journal."""
        metrics = open(self.path)[0].metrics()
        return {key: list(points.value) for key, points in metrics.items() if name in (None, key)}

    def get_status(self) -> str:
        """`status`."""
        return str(self.status)
