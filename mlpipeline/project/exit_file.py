"""`exit.json`: how a forked worker ended, as the warm parent that forked it saw."""

from __future__ import annotations

from pathlib import Path

from mlpipeline.project.files import read_json, to_json, write_whole


def write_exit(path: Path, status: int) -> None:
    """Write down an exit status, as `subprocess` gives it.

    Raises:
        OSError: it could not be written.
    """
    write_whole(path, to_json({"status": status}), to_disk=False)


def read_exit(path: Path) -> int | None:
    """Return the exit status that was written down, or None."""
    value = read_json(path)
    return value["status"] if isinstance(value, dict) and isinstance(value.get("status"), int) else None
