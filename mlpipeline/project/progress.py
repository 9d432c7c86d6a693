"""How far the `run.steps` loops of an attempt came: one JSON line of fixed width per loop, rewritten in place."""

from __future__ import annotations

import json
import mmap
import os
from pathlib import Path

#: The length of a line with its line feed, in bytes.
_WIDTH = 64


class ProgressFile:
    """Writes the progress of one attempt.

    The file is mapped into memory: a step costs a copy of a few bytes, and a kill at any moment loses none.
    """

    def __init__(self, path: Path) -> None:
        """Create the file at `path`."""
        self._path = path
        self._map: mmap.mmap | None = None
        path.touch()

    def write(self, loop: int, done: int, total: int) -> None:
        """Note that `done` of `total` steps of the loop with index `loop` are complete.

        Raises:
            OSError: there is no room for the line of a new loop.
        """
        line = f'{{"done": {done}, "of": {total}}}'.ljust(_WIDTH - 1) + "\n"
        offset = loop * _WIDTH
        if self._map is None or len(self._map) < offset + _WIDTH:
            self._map = self._mapped(offset + _WIDTH)
        self._map[offset : offset + _WIDTH] = line.encode("ascii")

    def _mapped(self, size: int) -> mmap.mmap:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            _reserve(descriptor, size)
            return mmap.mmap(descriptor, size)
        finally:
            os.close(descriptor)


def _reserve(descriptor: int, size: int) -> None:
    """Have the file's blocks on the disk: a store to a mapped hole on a full disk would be a SIGBUS."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:  # macOS
        there = os.fstat(descriptor).st_size
        os.pwrite(descriptor, bytes(size - there), there)


def read_progress(path: Path) -> list[tuple[int, int]]:
    """Return `(done, total)` of each loop in the order in which the loops began; [] when there is nothing."""
    try:
        lines = path.read_bytes().splitlines()
        return [(value["done"], value["of"]) for value in map(json.loads, lines)]
    except (OSError, ValueError, KeyError, TypeError):
        return []
