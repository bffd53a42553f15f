"""Calls of AzureML's Run, MLflow and TensorBoard's SummaryWriter that have other names here."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from ._error import Error
from ._reading import open


class OtherNames:
    """For Run, whose calls it uses."""

    __slots__ = ()
    log: Any
    param: Any
    params: Any
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

    # ---- MLflow ----

    def log_metric(self, key: str, value: Any, step: int | None = None) -> None:
        """`log`."""
        self.log(key, value, step)

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """`log` of a dict."""
        self.log(metrics, step=step)

    def log_param(self, key: str, value: Any) -> None:
        """`param`."""
        self.param(key, value)

    def log_params(self, params: Mapping[str, Any]) -> None:
        """`params`."""
        self.params(params)

    def set_tag(self, key: str, value: Any) -> None:
        """`tag`."""
        self.tag(key, value)

    def log_artifact(self, local_path: str | os.PathLike[str], artifact_path: str = "") -> None:
        """`upload_file`, below the name `artifact_path`. Raises runlog.Error."""
        name = os.path.basename(os.fspath(local_path))
        self.upload_file(f"{artifact_path}/{name}" if artifact_path else name, local_path)

    # ---- TensorBoard ----

    def add_scalar(self, tag: str, scalar_value: Any, global_step: int | None = None,
                   walltime: Any = None) -> None:
        """`log`, with `walltime` as the time."""
        self.log(tag, scalar_value, global_step, time=walltime)

    def add_scalars(self, main_tag: str, tag_scalar_dict: Mapping[str, Any],
                    global_step: int | None = None, walltime: Any = None) -> None:
        """`log` of a dict, whose names stand behind "main_tag/"."""
        self.log({main_tag: dict(tag_scalar_dict)}, step=global_step, time=walltime)
