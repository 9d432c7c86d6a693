"""Writing files so that readers, other processes and a power cut never see half of one."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

#: What is answered where there is no room.
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


def write_whole(path: Path, data: bytes, *, to_disk: bool = True) -> None:
    """Put `data` at `path` at once: written aside, flushed to disk, then renamed.

    Args:
        path: the file.
        data: all of it.
        to_disk: wait until the disk has it; what means nothing after a power cut need not.

    Raises:
        OSError: it could not be written; what stood at `path` before still does.
    """
    with _written_aside(path, data, to_disk=to_disk) as aside:
        aside.replace(path)


def create_exclusively(path: Path, data: bytes, *, to_disk: bool = True) -> bool:
    """Put `data` at `path` whole, unless something is there already; return whether it was put.

    A hard link is the only step that is both exclusive and atomic, on NFS too. Where the file system has none,
    exclusive creation is the next best.

    Args:
        path: the file.
        data: all of it.
        to_disk: wait until the disk has it.

    Raises:
        OSError: it could not be written for any reason but its being there.
    """
    with _written_aside(path, data, to_disk=to_disk) as aside:
        try:
            path.hardlink_to(aside)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            return _create_without_link(path, data)
        return True


def to_json(value: Any) -> bytes:
    """Return `value` as one line of UTF-8 JSON that ends in a line feed; NaN and infinities as Python writes them."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace") + b"\n"


def read_json(path: Path) -> Any:
    """Return the JSON at `path`, or None when there is no file or it holds no JSON."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


def read_exit(path: Path) -> int | None:
    """Return the exit status that a warm parent wrote down for a worker, as `subprocess` gives it, or None."""
    value = read_json(path)
    return value["status"] if isinstance(value, dict) and isinstance(value.get("status"), int) else None


def append_whole(path: Path, data: bytes, *, to_disk: bool) -> None:
    """Append `data`, which ends in a line feed, in one write; the caller holds the file's lock.

    A line that an earlier writer left torn is ended first, so that it costs only itself.

    Args:
        path: the file; created when missing.
        data: whole lines.
        to_disk: wait until the disk has them.

    Raises:
        OSError: nothing was written, or a torn line where even that could not be taken back.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            data = b"\n" + data
        try:
            while data:
                data = data[os.write(descriptor, data) :]
            if to_disk:
                os.fsync(descriptor)
        except OSError:
            # On a full disk the first part may have found room.
            with suppress(OSError):
                os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)


@contextmanager
def _written_aside(path: Path, data: bytes, *, to_disk: bool) -> Iterator[Path]:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:32]}.", dir=path.parent)
    aside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(data)
            if to_disk:
                file.flush()
                os.fsync(file.fileno())
        yield aside
    finally:
        aside.unlink(missing_ok=True)


def _create_without_link(path: Path, data: bytes) -> bool:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return True


#: What file systems that have no hard links answer.
_NO_HARD_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
