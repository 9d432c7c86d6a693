"""How far an attempt came: one JSON line of fixed width for each thing that is counted, rewritten in place."""

from __future__ import annotations

import json
import mmap
import os
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlpipeline.domain.pace import Loop

#: The length of the part of a line that every step rewrites, and of the whole line with its line feed, in bytes.
_STEP_WIDTH = 64
_WIDTH = 160


class ProgressFile:
    """Writes the progress of one attempt.

    The file is mapped into memory: a step costs a copy of a few bytes, and a kill at any moment loses none.
    """

    def __init__(self, path: Path) -> None:
        """Create the file at `path`."""
        self._path = path
        self._map: mmap.mmap | None = None
        #: How many steps each loop has that was begun here.
        self._totals: dict[int, int | None] = {}
        #: Of how many steps each loop is of which no step was done here yet, and how many were done when it began.
        self._begun: dict[int, tuple[int | None, int]] = {}
        path.touch()

    def write(self, loop: int, done: int, total: int | None) -> None:
        """Note that `done` of `total` steps of the loop with index `loop` are complete.

        Raises:
            OSError: there is no room for the line of a new loop.
        """
        # A script may make a million steps: as bytes, as those are made faster than text.
        step = (b'{"done": %d, "at": %.3f,' % (done, monotonic())).ljust(_STEP_WIDTH)
        offset = loop * _WIDTH
        if self._map is None or self._totals.get(loop, -1) != total:
            self._begin(loop, step, done, total)
        else:
            self._map[offset : offset + _STEP_WIDTH] = step

    def _begin(self, loop: int, step: bytes, done: int, total: int | None) -> None:
        """Write the whole line of a loop: of how many steps it is, and when and at which it began in this attempt.

        That is said anew when its first step is done: how fast it is shows from there on.
        """
        offset = loop * _WIDTH
        if self._map is None or len(self._map) < offset + _WIDTH:
            self._map = self._mapped(offset + _WIDTH)
        about = f'"of": {json.dumps(total)}, "from": {done}, "began": {monotonic():.3f}}}'.encode("ascii")
        self._map[offset : offset + _WIDTH] = step + about.ljust(_WIDTH - _STEP_WIDTH - 1) + b"\n"
        total_before, first = self._begun.pop(loop, (None, done))
        # Of epochs, of which nobody knows how many there are, the first that is told of has ended.
        if total is None or (done > first and total_before == total):
            self._totals[loop] = total
        else:
            self._begun[loop] = total, done
            self._totals.pop(loop, None)

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


def read_progress(path: Path) -> list[Loop]:
    """Return the loops in the order in which they began, up to the first that cannot be read."""
    from mlpipeline.domain.pace import Loop

    loops: list[Loop] = []
    try:
        for line in path.read_bytes().splitlines():
            said = json.loads(line)
            # Those of an earlier release tell no times.
            loop = Loop(said["done"], said["of"], said.get("from"), said.get("began"), said.get("at"))
            loops.append(loop)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return loops
