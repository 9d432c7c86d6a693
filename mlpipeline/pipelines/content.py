"""Digests of content: BLAKE3, in hexadecimal."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpipeline.errors import FileKeepsChanging, NoContent

if TYPE_CHECKING:
    from mlpipeline.pipelines.remembered import Remembered

#: Up to here a file is read in one piece.
_SMALL_BYTES = 2**20
#: What is read at once of a larger one: two of them stay in the processor's cache until they are hashed.
_PIECE_BYTES = 2**22
#: How often a file that changes is read before that is an error.
_TIMES_READ = 5
#: Nobody who writes may make us wait, as a pipe would; nothing is inherited by what a stage starts.
_TO_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_MAY_WRITE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH

#: What changes whenever a file does: its size, when its content and when anything of it changed, and its inode. A copy
#: with its times preserved has another inode, and a file that is written over with them has changed later.
Stamp = tuple[int, int, int, int]


def text_digest(text: str) -> str:
    """The digest of a text."""
    return bytes_digest(text.encode("utf-8", "surrogatepass"))


def bytes_digest(data: bytes | memoryview) -> str:
    """The digest of bytes."""
    from blake3 import blake3

    return str(blake3(data).hexdigest())


def json_digest(value: Any) -> str:
    """The digest of a value that is JSON, whatever the order of its keys."""
    return text_digest(json.dumps(value, sort_keys=True))


def file_digest(path: Path) -> str:
    """The digest of what a file holds that nobody is to write to any more, as an artifact in a cache.

    Raises:
        OSError: it cannot be read.
    """
    from blake3 import blake3

    descriptor = os.open(path, _TO_READ)
    try:
        status = os.fstat(descriptor)
        # To map it is faster, and kills us if somebody cuts it short: under another name it may be the user's own.
        if status.st_size <= _SMALL_BYTES or status.st_nlink > 1 or status.st_mode & _MAY_WRITE:
            return _read_digest(descriptor, status.st_size)
    finally:
        os.close(descriptor)
    hasher = blake3(max_threads=blake3.AUTO)
    hasher.update_mmap(path)
    return str(hasher.hexdigest())


def path_digest(path: Path, remembered: Remembered | None = None) -> str:
    """The digest of what lies at a path, whoever may be writing to it: of a file its content, of a folder all in it.

    Where it lies and what it is called does not matter. Of what is in a folder the names do; a link in it counts as
    what it leads to, too. Where there is nothing, the path itself counts.

    Args:
        path: of a file or a folder, or of a link to one.
        remembered: what was found of files before, and is to be told what is found now; None for nothing.

    Raises:
        FileKeepsChanging: it changed whenever it was read.
        NoContent: it is neither a file nor a folder, as a socket is.
        OSError: it cannot be read.
    """
    if remembered is None:
        return _path_digest(path, lambda _name, file: changing_file_digest(file)[0])
    with remembered.of(path) as known:
        return _path_digest(path, known.digest)


def _path_digest(path: Path, digest: Callable[[str, Path], str]) -> str:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return text_digest(f"nothing at {path}")
    if not stat.S_ISDIR(status.st_mode):
        return digest("", path)
    for _ in range(_TIMES_READ):
        # Between listing a file and reading it, somebody may delete it.
        with suppress(FileNotFoundError):
            return folder_digest(path, digest)
    raise FileKeepsChanging(path)


def folder_digest(folder: Path, digest: Callable[[str, Path], str]) -> str:
    """The digest of all that lies in a folder.

    Args:
        folder: which one.
        digest: gets the name of a file, from the folder on, and its path.

    Raises:
        OSError: it cannot be read.
        Exception: whatever `digest` raises.
    """
    return json_digest(_tree(folder, "", digest, (folder.resolve(),)))


def _tree(folder: Path, at: str, digest: Callable[[str, Path], str], above: tuple[Path, ...]) -> list[list[str]]:
    """Return what lies in a folder, each with its name from the top; `above` leads to it, links resolved."""
    found: list[list[str]] = []
    with os.scandir(folder) as entries:
        listed = sorted(entries, key=lambda entry: os.fsencode(entry.name))
    for entry in listed:
        # Names that are no UTF-8 hold half surrogates, which JSON writes as escapes.
        name, path = f"{at}{entry.name}", folder / entry.name
        if entry.is_symlink():
            found.append([name, "link", str(path.readlink())])
        kind = _kind(entry)
        if kind == stat.S_IFREG:
            found.append([name, "file", digest(name, path)])
        elif kind == stat.S_IFDIR:
            real = path.resolve()
            # A link to where one came from would have no end; all that is there counts anyway.
            if real not in above:
                found.append([name, "folder", ""])
                found += _tree(path, f"{name}/", digest, (*above, real))
        elif kind is not None:
            found.append([name, "special", ""])
    return found


def _kind(entry: os.DirEntry[str]) -> int | None:
    """Return what kind of file an entry is or leads to; None where it leads nowhere, or in a circle."""
    try:
        return stat.S_IFMT(entry.stat().st_mode)
    except OSError:
        if not entry.is_symlink():
            raise
        return None


def changing_file_digest(path: Path) -> tuple[str, Stamp]:
    """The digest of what a file holds, and what it looked like, while others may write to it.

    Raises:
        FileKeepsChanging: it changed whenever it was read.
        NoContent: it is no file.
        OSError: it cannot be read.
    """
    for _ in range(_TIMES_READ):
        descriptor = os.open(path, _TO_READ)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise NoContent(path)
            found = _read_digest(descriptor, status.st_size)
            if stamp_of(status) == stamp_of(os.fstat(descriptor)):
                return found, stamp_of(status)
        finally:
            os.close(descriptor)
    raise FileKeepsChanging(path)


def current_stamp(path: Path) -> Stamp:
    """What a file looks like now. It is opened: on NFS that is what asks the server.

    Raises:
        OSError: it cannot be opened.
    """
    descriptor = os.open(path, _TO_READ)
    try:
        return stamp_of(os.fstat(descriptor))
    finally:
        os.close(descriptor)


def stamp_of(status: os.stat_result) -> Stamp:
    """What a file looked like."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _read_digest(descriptor: int, size: int) -> str:
    """Return the digest of an open file. It is read, not mapped: who cuts a mapped file short kills who looks at it."""
    from blake3 import blake3

    if size <= _SMALL_BYTES:
        return bytes_digest(FileIO(descriptor, closefd=False).readall())
    from concurrent.futures import ThreadPoolExecutor

    hasher = blake3(max_threads=blake3.AUTO)
    filled, free = (memoryview(bytearray(_PIECE_BYTES)) for _ in range(2))
    # A piece is read while the one before it is hashed, which takes about as long: half as fast again as in turn.
    with ThreadPoolExecutor(1) as reader:
        count = os.readv(descriptor, [filled])
        while count:
            reading = reader.submit(os.readv, descriptor, [free])
            hasher.update(filled[:count])
            filled, free, count = free, filled, reading.result()
    return str(hasher.hexdigest())
