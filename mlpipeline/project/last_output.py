"""The end of what a process wrote, for those who want to know why it ended."""

from __future__ import annotations

import re
from pathlib import Path

#: How much is shown: a screenful.
_LINES = 25
_LINE_LENGTH = 500
_TAIL_BYTES = 65_536

_OWN_FOLDER = str(Path(__file__).resolve().parent.parent)
_OWN = (f"{_OWN_FOLDER}/", "<frozen importlib", "<frozen runpy")

#: A frame in what `faulthandler` writes when a process is killed by a fault.
_FRAME = re.compile(r'  File "(?P<file>.*)", line \d+ in ')


def is_own_file(filename: str) -> bool:
    """Return whether code is mlpipeline's, or of Python's importer that led from it to user code."""
    return filename.startswith(_OWN)


def last_output(path: Path) -> str | None:
    """Return the last lines of an output file, as a terminal would show them; None when it holds nothing.

    Of a line that was written over and over, such as a progress bar, the last state is shown. The frames of mlpipeline
    itself are left out of what `faulthandler` wrote.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return None
    lines = [line.rstrip().rpartition("\r")[2] for line in text.rstrip().split("\n")]
    kept = [line[-_LINE_LENGTH:] for line in lines if not _is_own_frame(line)]
    return "\n".join(kept[-_LINES:]).strip("\n") or None


def _is_own_frame(line: str) -> bool:
    frame = _FRAME.match(line)
    return frame is not None and is_own_file(frame["file"])
