"""Writing files so that readers, other processes and a power cut never see half of one."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

#: Made once: `json.dumps` makes it anew with every call that wants anything but its defaults.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
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
        os.replace(aside, path)


def replace_if_unchanged(path: Path, before: bytes, after: bytes) -> bool:
    """Put `after` in the place of a file that others edit too, unless it holds something else than `before` by now.

    Its mode stays, and its owner as far as that may be given. Return whether it was put there.

    Raises:
        OSError: it could not be read or written; what stood at `path` still does.
    """
    with _written_aside(path, after, to_disk=True) as aside:
        status = os.stat(path)
        os.chmod(aside, stat.S_IMODE(status.st_mode))
        with suppress(PermissionError):
            os.chown(aside, status.st_uid, status.st_gid)
        # Editors know of no locks: this is looked at last, and once more where what stood there can be had back.
        if path.read_bytes() != before:
            return False
        if not _exchanged(aside, path):
            os.replace(aside, path)
            return True
        if _content(aside) == before:
            return True
        _exchanged(aside, path)
        if _content(aside) != after:
            _exchanged(aside, path)  # It was saved once more: that is the last.
        return False


def create_exclusively(path: Path, data: bytes, *, to_disk: bool = True) -> bool:
    """Put `data` at `path` whole, unless something is there already; return whether it was put.

    Only a hard link is both exclusive and atomic, on NFS too. Where the file system has none,
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
            os.link(aside, path)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            return _create_without_link(path, data)
        return True


def to_json(value: Any) -> bytes:
    """Return `value` as one line of UTF-8 JSON that ends in a line feed; NaN and infinities as Python writes them."""
    return _encode(value).encode("utf-8", "backslashreplace") + b"\n"


def read_json(path: Path) -> Any:
    """Return the JSON at `path`, or None when there is no file or it holds no JSON."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


def append_whole(path: Path, data: bytes, *, to_disk: bool) -> tuple[int, int]:
    """Append `data`, which ends in a line feed, in one write, while nobody else appends in this way.

    A line that an earlier writer left torn is ended first, so that it costs only itself.

    Args:
        path: the file; created when missing.
        data: whole lines.
        to_disk: wait until the disk has them.

    Returns:
        How long the file was before, and how long it is now, in bytes.

    Raises:
        OSError: nothing was written, or a torn line where even that could not be taken back.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        _lock(descriptor)
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            data = b"\n" + data
        try:
            _write(descriptor, data)
            if to_disk:
                os.fsync(descriptor)
        except OSError:
            # On a full disk the first part may have found room.
            with suppress(OSError):
                os.ftruncate(descriptor, size)
            raise
        return size, size + len(data)
    finally:
        # Not by closing alone: a child that user code forks at this moment holds the file open, too.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    # filelock is for those who wait with a deadline: it takes a hundred times as long, and looks again only now and
    # then. Here the kernel wakes who waits.
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        # On a file system without locks, one write at the end of the file is as much as there can be.
        if error.errno not in _NO_LOCKS:
            raise


@contextmanager
def _written_aside(path: Path, data: bytes, *, to_disk: bool) -> Iterator[str]:
    folder, name = os.path.split(path)
    aside = f"{folder}/.{name[:32]}.{os.urandom(6).hex()}"
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        try:
            _write(descriptor, data)
            if to_disk:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        yield aside
    finally:
        with suppress(FileNotFoundError):
            os.unlink(aside)


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _exchanged(one: str, other: Path) -> bool:
    """Have two files change places at once; return whether the system and the file system can do that."""
    import ctypes

    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        return False  # macOS
    here = -100  # AT_FDCWD: paths that are relative begin in the current folder.
    return bool(rename(here, os.fsencode(one), here, os.fsencode(other), _EXCHANGE) == 0)


def _create_without_link(path: Path, data: bytes) -> bool:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except FileExistsError:
        return False
    try:
        _write(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return True


#: Of renameat2(2): neither name is ever without a file.
_EXCHANGE = 2
#: What file systems that have no locks answer.
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL})
#: What those answer that have no hard links.
_NO_HARD_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
