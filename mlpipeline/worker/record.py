"""What a run leaves behind: its metrics as they come, and its result at the end."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping
from fcntl import F_DUPFD_CLOEXEC, fcntl
from pathlib import Path
from typing import Any

from mlpipeline.domain.result import Result
from mlpipeline.domain.states import Failure, Outcome


class Record:
    """Collects what a run achieves; what was collected before a failure is kept."""

    def __init__(self) -> None:
        self.results: dict[str, Any] = {}
        self.texts: dict[str, str] = {}
        self.timings: dict[str, float] = {}
        self.notes: list[str] = []
        self.is_prepared = False
        self.is_trained = False

    def timed(self, part: str) -> _Timed:
        """Note how long the block took, in seconds, also when it raises."""
        return _Timed(self.timings, part)

    def result(
        self,
        outcome: Outcome,
        *,
        failure: Failure | None = None,
        error: str | None = None,
        place: str | None = None,
        traceback: str | None = None,
        is_child_killed: bool = False,
    ) -> Result:
        """Return all of it as the result of a run that ended with `outcome`."""
        return Result(
            outcome=outcome,
            failure=failure,
            error=error,
            place=place,
            child_killed=is_child_killed,
            traceback=traceback,
            results=self.results,
            texts=self.texts,
            timings=self.timings,
            prepared=self.is_prepared,
            trained=self.is_trained,
            notes=tuple(self.notes),
        )


class _Timed:
    # No generator: contextlib changes the exceptions that pass through those, which some do not let be done to them.

    def __init__(self, timings: dict[str, float], part: str) -> None:
        self._timings = timings
        self._part = part
        self._began = time.monotonic()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._timings[self._part] = round(time.monotonic() - self._began, 3)


class MetricsFile:
    """`metrics.jsonl`: one line and one write per call, so that what was logged survives whatever comes next.

    A script may log thousands of times a second, so this does as little as it can.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self._file_id: tuple[int, int] | None = None
        #: Whether the file ends within a line, for which there was no room.
        self._is_torn = False
        #: Names as they stand in JSON.
        self._names: dict[str, str] = {}

    def write(self, values: Mapping[str, int | float], step: int | None, at: float) -> None:
        """Append one line; `at` is in seconds since the epoch.

        Raises:
            OSError: it was not written, or not wholly.
        """
        metrics = ",".join([f"{self._names.get(name) or self._name(name)}:{_number(values[name])}" for name in values])
        line = f'{{"step":{"null" if step is None else step},"time":{at:.3f},"metrics":{{{metrics}}}}}\n'
        data = line.encode("utf-8", "backslashreplace")
        descriptor = self._open()
        if self._is_torn:
            # A torn line costs only itself.
            data = b"\n" + data
        while data:
            written = os.write(descriptor, data)
            data = data[written:]
            self._is_torn = bool(data)

    def _name(self, name: str) -> str:
        return self._names.setdefault(name, json.dumps(name, ensure_ascii=False))

    def _open(self) -> int:
        # User code may have closed every descriptor and opened its own file under our number.
        if self._file_id is None or file_id(self._descriptor) != self._file_id:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            opened = os.open(self._path, flags, 0o666)
            # None of the first three numbers: where one of those was closed, what is printed would go here.
            self._descriptor = fcntl(opened, F_DUPFD_CLOEXEC, 3)
            os.close(opened)
            self._file_id = file_id(self._descriptor)
            self._is_torn = False
        return self._descriptor


def _number(value: int | float) -> str:
    # As `json` writes it.
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return repr(value)


def file_id(descriptor: int) -> tuple[int, int] | None:
    """Return what tells the file behind a descriptor from any other; None when the descriptor is closed."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    # One that was deleted is not there for anybody.
    return (status.st_dev, status.st_ino) if status.st_nlink else None
