"""`log-<host>`: everything that happened on a host, one line each, for `tail -F`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mlpipeline.authoring.console import strip_colors
from mlpipeline.project.files import append_whole

#: How much of a log is looked through for what it has already.
_TAIL_BYTES = 1_048_576


class HostLog:
    """Appends lines to a host's log; daemon and workers of that host share it."""

    def __init__(self, path: Path, now: Callable[[], str]) -> None:
        """Write to `path`; `now` is the time that leads each line."""
        self._path = path
        self._now = now

    def said_of(self, run: str) -> set[str]:
        """The lines that were written of a run, as far as they are among the last ones."""
        try:
            with self._path.open("rb") as file:
                file.seek(max(0, file.seek(0, 2) - _TAIL_BYTES))
                lines = file.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return set()
        return {line.partition(f" {run} ")[2] for line in lines if f" {run} " in line}

    def write(self, text: str, *, run: str | None = None) -> None:
        """Append `text` in one write, each of its lines led by the time and the run's id.

        Raises:
            OSError: it could not be written.
        """
        lead = f"{self._now()} {run} " if run else f"{self._now()} "
        lines = _printable(text).rstrip("\n").split("\n")
        data = "".join(f"{lead}{line}\n" for line in lines).encode("utf-8", "backslashreplace")
        append_whole(self._path, data, to_disk=False)


def _printable(text: str) -> str:
    """Return `text` without colours, and with nothing in it that a terminal would obey."""
    return strip_colors(text).replace("\r\n", "\n").replace("\r", "\n").translate(_ESCAPED)


#: The control characters, but for tab and line feed, and what else ends a line for `str.splitlines`.
_CONTROLS = {*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029} - {ord("\t"), ord("\n")}
_ESCAPED = {code: ascii(chr(code))[1:-1] for code in _CONTROLS}
