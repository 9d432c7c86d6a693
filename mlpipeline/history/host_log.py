"""`log-<host>`: everything that happened on a host, one line each, for `tail -F`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mlpipeline.authoring.console import strip_colors
from mlpipeline.project.files import append_whole


class HostLog:
    """Appends lines to a host's log; daemon and workers of that host share it."""

    def __init__(self, path: Path, now: Callable[[], str]) -> None:
        """Write to `path`; `now` is the time that leads each line."""
        self._path = path
        self._now = now

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
