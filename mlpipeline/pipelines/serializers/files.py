"""Files and folders that a stage wrote and returns the path of."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

from mlpipeline.pipelines.serializers.serializer import Refused

#: Up to here a file is copied where it cannot be cloned: it is soon done, and nobody changes the artifact by changing
#: the file that he still has.
_COPIED_BYTES = 2**24
#: FICLONE of ioctl_ficlone(2): both files have the same blocks until one of them is written to.
_CLONE = 0x40049409


class Files:
    """Stores what a path leads to, under its own name in a folder.

    It is cloned where the file system can do that; else a large file is linked, so that what is written into it later
    damages the artifact, which is noticed; what cannot be linked is copied.
    """

    name, suffix, is_pickle = "path", "", False

    def takes(self, value: Any) -> bool:
        """Whether it is a path to a file or a folder, or to nothing, which is then said."""
        return type(value) is type(Path()) and (value.is_file() or value.is_dir() or not value.exists())

    def save(self, value: Path, path: Path) -> None:
        """Take in the file or the folder; links count as what they lead to.

        Raises:
            Refused: it leads nowhere: whoever is handed the path would find nothing there, and so for ever. Or it is,
                or has a link to, a folder that `path` lies in, which would be taken into itself without end.
        """
        if not value.exists():
            raise Refused(
                f"there is nothing at the path {value}. "
                "Return it while the file is there, as a temporary folder may be deleted too early, "
                "or return str(path) if only the name matters"
            )
        path.mkdir()
        # `.` and `..` have names only from where they lead.
        name = value.name if value.name not in ("", "..") else value.resolve().name or "root"
        _take_in(value, path / name, (), path.resolve())

    def load(self, path: Path) -> Path:
        """Return the path of what was taken in; it is to be read only."""
        (inside,) = path.iterdir()
        return inside


def _take_in(source: Path, target: Path, above: tuple[Path, ...], kept_in: Path) -> None:
    status = source.stat()
    if stat.S_ISREG(status.st_mode):
        _take_in_file(source, target, status)
    elif stat.S_ISDIR(status.st_mode):
        real = source.resolve()
        if real in above:
            raise ValueError(f"{source} is a link to a folder that it lies in")
        if kept_in.is_relative_to(real):
            raise Refused(
                f"the folder {source} holds the place where it would be kept, {kept_in.parent}. "
                "Return what is wanted of it, file by file or in a folder of its own, "
                "or return str(path) if only the name matters"
            )
        target.mkdir()
        for entry in sorted(source.iterdir()):
            _take_in(entry, target / entry.name, (*above, real), kept_in)
    else:
        raise ValueError(f"{source} is neither a file nor a folder")


def _take_in_file(source: Path, target: Path, status: os.stat_result) -> None:
    if not _cloned(source, target):
        if status.st_size > _COPIED_BYTES:
            # Another file system, or one without links, or too many.
            with suppress(OSError):
                target.hardlink_to(source.resolve())
                return
        shutil.copyfile(source, target)
    target.chmod(stat.S_IMODE(status.st_mode) & ~0o222)


def _cloned(source: Path, target: Path) -> bool:
    """Make a file with the blocks of another; return whether the file system can do that."""
    with source.open("rb") as read, target.open("xb") as written:
        try:
            fcntl.ioctl(written.fileno(), _CLONE, read.fileno())
        except OSError:
            target.unlink()
            return False
    return True
