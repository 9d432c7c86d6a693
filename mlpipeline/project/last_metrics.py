"""The steps for which a run logged metrics last, read from the end of a file that may be very long."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

_TAIL_BYTES = 16_384


def last_steps(path: Path) -> list[tuple[int, float]]:
    """Return at which steps metrics were logged last, oldest first, and when, in seconds since the epoch."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            lines = file.read().split(b"\n")
    except OSError:
        return []
    # The first line is cut off where the file begins before it, and the last is being written.
    return list(_steps(lines[size > _TAIL_BYTES : -1]))


def _steps(lines: list[bytes]) -> Iterator[tuple[int, float]]:
    for line in lines:
        try:
            said = json.loads(line)
            step, at = said["step"], said["time"]
        except (ValueError, KeyError, TypeError):
            continue  # A line that was torn costs only itself.
        if isinstance(step, int) and isinstance(at, int | float):
            yield step, at
