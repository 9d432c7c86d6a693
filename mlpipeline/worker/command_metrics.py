"""What the program of a `CommandModel` reports in the file that `MLP_METRICS` names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlpipeline.domain.values import as_number
from mlpipeline.errors import NotJson
from mlpipeline.worker.work import Work

#: After so many lines that cannot be used, the others are passed over in silence.
_MOST_COMPLAINTS = 5


class CommandMetrics:
    """Follows the file while the program runs: one JSON object is the results, JSON lines are metrics.

    Which of the two it is, is only known once there is a second line, or none to come. Nothing in it can fail the
    run: its exit status is the outcome.
    """

    def __init__(self, path: Path, work: Work) -> None:
        self._path = path
        self._work = work
        self._offset = 0
        self._torn = b""
        self._lines_seen = 0
        self._first: bytes | None = None
        self._is_document = False
        self._complaints = 0

    def follow(self) -> None:
        """Take in the lines that were completed since the last call."""
        data = self._torn + self._read()
        *lines, self._torn = data.split(b"\n")
        for line in lines:
            self._take(line)

    def finish(self) -> None:
        """Take in the rest: nothing more is written."""
        self.follow()
        if self._torn:
            self._take(self._torn)
            self._torn = b""
        if self._is_document or self._first is not None:
            self._take_results()

    def _read(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return b""
        self._offset += len(data)
        return data

    def _take(self, line: bytes) -> None:
        if self._is_document or not line.strip():
            return
        self._lines_seen += 1
        if self._lines_seen == 1:
            self._first = line
            self._is_document = _object(line) is None
            return
        if self._first is not None:
            first, self._first = self._first, None
            self._pass_on(first, 1)
        self._pass_on(line, self._lines_seen)

    def _pass_on(self, line: bytes, number: int) -> None:
        value = _object(line)
        if value is None:
            self._complain(f"line {number} is not a JSON object: {line[:80]!r}")
            return
        step = value.pop("step", None)
        try:
            self._work.run.log_metrics({name: as_number(metric, name) for name, metric in value.items()}, step=step)
        except (NotJson, TypeError, ValueError) as error:
            self._complain(f"line {number}: {error}")

    def _take_results(self) -> None:
        try:
            value = _object(self._path.read_bytes())
        except OSError:
            value = None  # The program put something else in its place, or nothing.
        if value is None:
            self._complain("holds neither one JSON object (results) nor one on each line (metrics)")
        else:
            self._work.record.results.update(value)

    def _complain(self, what: str) -> None:
        self._complaints += 1
        if self._complaints <= _MOST_COMPLAINTS:
            note = f"MLP_METRICS {what}; skipped"
            self._work.record.notes.append(note)
            self._work.run.log(note)


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
