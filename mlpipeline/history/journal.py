"""A host's journal: one event a line, appended by its own host alone, read by all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mlpipeline.project.files import append_whole, to_json


class Journal:
    """The one writer of this host's `history-<host>.jsonl`."""

    def __init__(self, path: Path, lock: Path, now: Callable[[], str]) -> None:
        """Write to `path` under `lock`; `now` is the time of an event, ISO 8601 with its offset."""
        self._path = path
        self._lock = lock
        self._now = now

    def append(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Append `event` with the time `at`, wait until the disk has it, and return it.

        Raises:
            OSError: it is not recorded, or only torn; it may be appended again.
        """
        from filelock import FileLock

        stamped = {"at": self._now(), **event}
        with FileLock(self._lock):
            append_whole(self._path, to_json(stamped), to_disk=True)
        return stamped


def read_events(path: Path, *, warn: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """Yield the events of one journal in order; what cannot be read is skipped with a warning.

    A last line without its line feed is somebody writing right now, or torn by a crash: it is skipped as well.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        warn(f"{path.name} cannot be read: {error.strerror}")
        return
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            event = json.loads(line)
            if not isinstance(event, dict) or "event" not in event:
                raise ValueError
        except ValueError:
            warn(f"{path.name}: line {number} is torn or not an event; skipped")
            continue
        yield event
