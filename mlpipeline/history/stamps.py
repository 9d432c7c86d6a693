"""What tells a journal from another in its place, and from itself before something was added."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from mlpipeline.history.index import Place

#: How much of a journal's beginning tells it from another in its place, in bytes.
_HEAD_BYTES = 512


class Stamp(NamedTuple):
    """What changes whenever a journal does."""

    inode: int
    size: int
    mtime_ns: int


def are_others(journals: Mapping[Path, Stamp | None], places: Mapping[str, Place]) -> bool:
    """Return whether a journal that was read is gone, or another one: shorter, or with another beginning."""
    present = {path.name: (path, stamp) for path, stamp in journals.items()}
    for name, place in places.items():
        path, stamp = present.get(name, (None, None))
        if path is None or stamp is None or stamp.size < place.offset:
            return True
        with suppress(OSError):  # What cannot be seen is no reason to forget it.
            if _head(path, place.offset) != place.head:
                return True
    return False


def stamp_of(path: Path) -> Stamp | None:
    """Return what changes with a journal, or None when it is gone."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return Stamp(status.st_ino, status.st_size, status.st_mtime_ns)


def head(path: Path, place: Place, offset: int) -> str:
    """Return the hash of a journal's beginning, of which `offset` bytes were read; `place` is how far before."""
    return place.head if place.offset >= _HEAD_BYTES else _head(path, offset)


def _head(path: Path, offset: int) -> str:
    with path.open("rb") as file:
        return hashlib.sha256(file.read(min(offset, _HEAD_BYTES))).hexdigest()
