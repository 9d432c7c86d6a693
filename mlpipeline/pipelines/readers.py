"""Who reads the files of artifacts, which nobody is to delete under his hands.

A process that was handed the path of an artifact may open it at any time. For each it holds a shared lock on one byte
of one file, all of which end with it, however that comes. Where a file system has no locks, nobody is seen to read.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from mlpipeline.pipelines.content import text_digest
from mlpipeline.pipelines.locks import TAKEN, is_at

#: How many digits of a digest say which byte it is: no file is longer. Where two have the same, both are kept.
_DIGITS = 15

#: The files whose bytes this process holds: each stays open, as closing it would end all locks on it.
_descriptors: dict[Path, int] = {}
#: File -> which of its bytes.
_held: dict[Path, set[int]] = {}
_change = threading.Lock()


def keep(path: Path, artifact: str) -> None:
    """Have an artifact kept for as long as this process lives; what it forks reads only as long as that.

    Args:
        path: the file of whose bytes one stands for it.
        artifact: the name of its file or folder.
    """
    path, byte = path.resolve(), _byte(artifact)
    with _change, suppress(OSError):
        descriptor = _opened(path)
        if byte not in _held[path]:
            fcntl.lockf(descriptor, fcntl.LOCK_SH, 1, byte)
            _held[path].add(byte)


def read(path: Path, artifacts: Iterable[str]) -> set[str]:
    """Return which artifacts other processes read."""
    try:
        # To close it ends what this process holds; but who collects reads nothing.
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return set()
    try:
        return {artifact for artifact in artifacts if _is_held(descriptor, _byte(artifact))}
    finally:
        os.close(descriptor)


def _is_held(descriptor: int, byte: int) -> bool:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
    except OSError as error:
        return error.errno in TAKEN
    fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, byte)
    return False


def _byte(artifact: str) -> int:
    return int(text_digest(artifact)[:_DIGITS], 16)


def _opened(path: Path) -> int:
    """Return the open file; those that were deleted meanwhile, as with a temporary cache, are closed."""
    for other, descriptor in list(_descriptors.items()):
        if not is_at(other, descriptor):
            del _descriptors[other], _held[other]
            os.close(descriptor)
    if path not in _descriptors:
        # Who may only read here can hold it, too.
        _descriptors[path] = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        _held[path] = set()
    return _descriptors[path]


def _after_fork() -> None:
    """Forget what this process does not hold: locks are not inherited."""
    global _change  # noqa: PLW0603 (another thread may have held it at the fork)
    _change = threading.Lock()
    for path in _descriptors:
        _held[path] = set()


os.register_at_fork(after_in_child=_after_fork)
