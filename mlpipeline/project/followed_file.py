"""Files that somebody else writes while they are read: logs, and what runs print."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

#: How much is read at a time, in bytes.
_CHUNK = 1 << 16


class FollowedFile:
    """A file that grows, is cut short, or is replaced by another of its name."""

    def __init__(self, path: Path, offset: int = 0) -> None:
        """Read `path` from `offset` on, in bytes; it need not be there yet."""
        self._path = path
        self._offset = offset
        self._file: BinaryIO | None = None

    def read(self) -> bytes:
        """Return more of it, or nothing while there is no more.

        One that was cut short, or replaced, is read from its beginning.
        """
        if self._file is None:
            self._file = self._opened()
            if self._file is None:
                return b""
            self._file.seek(self._offset)
        data = self._file.read(_CHUNK)
        if data:
            return data
        now = os.fstat(self._file.fileno())
        if now.st_size < self._file.tell():
            self._file.seek(0)
            return self._file.read(_CHUNK)
        try:
            there = self._path.stat()
        except OSError:
            return b""  # A log is moved aside before the next one is made.
        if (there.st_dev, there.st_ino) == (now.st_dev, now.st_ino):
            return b""
        self.close()
        self._offset = 0
        return self.read()

    def close(self) -> None:
        """Let the file go."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _opened(self) -> BinaryIO | None:
        try:
            return self._path.open("rb", buffering=0)
        except OSError:
            return None


def last_lines(path: Path, count: int) -> tuple[int, int]:
    """Return where the last `count` lines of a file begin, in bytes, and how many there are; 0 and 0 without a file."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            offset, found = end, 0
            while offset > 0:
                size = min(_CHUNK, offset)
                offset -= size
                file.seek(offset)
                block = file.read(size)
                # What ends the last line begins none.
                at = len(block) - 1 if offset + len(block) == end and block.endswith(b"\n") else len(block)
                while (at := block.rfind(b"\n", 0, at)) >= 0:
                    found += 1
                    if found == count:
                        return offset + at + 1, count
            return 0, found + (end > 0)
    except OSError:
        return 0, 0
