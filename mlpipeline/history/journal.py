"""A host's journal: one event a line, appended by its own host alone, read by all."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mlpipeline.project.files import append_whole, to_json


class Journal:
    """The one writer of this host's `history-<host>.jsonl`."""

    def __init__(self, path: Path, now: Callable[[], str]) -> None:
        """Write to `path`; `now` is the time of an event, ISO 8601 with its offset."""
        self._path = path
        self._now = now

    def append(self, event: Mapping[str, Any], *, to_disk: bool = True) -> tuple[int, int]:
        """Append `event`, with the time `at` unless it has one; wait for the disk unless told otherwise.

        Returns:
            How long the journal was before, and how long it is now, in bytes.

        Raises:
            OSError: it is not recorded, or only torn; it may be appended again.
        """
        stamped = {"at": self._now(), **event}
        return append_whole(self._path, to_json(stamped), to_disk=to_disk)


class JournalReader:
    """Reads a journal, and later what was appended to it since."""

    def __init__(self, path: Path) -> None:
        self._path = path
        #: How far it has been read: bytes and whole lines.
        self.offset = 0
        self.lines = 0
        self._warned_of = 0

    def read(self, *, warn: Callable[[str], None]) -> list[dict[str, Any]]:
        """Return the events since the last call, in order; what cannot be read is skipped with a warning.

        A last line without its line feed is somebody writing right now, or torn by a crash: if it is no event yet, it
        is skipped, and looked at again by the next call.

        Raises:
            OSError: the file cannot be read.
        """
        try:
            with self._path.open("rb") as file:
                file.seek(self.offset)
                data = file.read()
        except FileNotFoundError:
            return []
        *lines, rest = data.split(b"\n")
        events = [self._event(line, number, warn) for number, line in enumerate(lines, start=self.lines + 1)]
        self.offset += len(data) - len(rest)
        self.lines += len(lines)
        if rest:
            events.append(self._event(rest, self.lines + 1, warn))
            self.offset += len(rest) if events[-1] is not None else 0
        return [event for event in events if event is not None]

    def _event(self, line: bytes, number: int, warn: Callable[[str], None]) -> dict[str, Any] | None:
        event = _event(line)
        if event is None and line.strip() and number != self._warned_of:
            self._warned_of = number
            warn(f"{self._path.name}: line {number} is torn or not an event; skipped")
        return event


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None
