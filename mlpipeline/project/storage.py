"""What lies in an outputs folder: finding it, the room it takes, and deleting it so that nobody meets half of it."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from mlpipeline.domain.names import ID_ALPHABET, ID_LENGTH
from mlpipeline.domain.retention import parents
from mlpipeline.project.paths import Outputs

_ID = f"[{ID_ALPHABET}]{{{ID_LENGTH}}}"
_TRASH = re.compile(rf"\.trash-{_ID}-[0-9]+")
#: How the folder begins in which `doctor` tries a file system out.
PROBE = ".doctor."
#: What `write_whole` and its like write aside, a folder of `store_code`, and one of `doctor`.
_ASIDE = re.compile(rf"\..+\.[0-9a-f]{{12}}|\.[0-9a-f]{{16}}\..{{8}}|{re.escape(PROBE)}.{{8}}", re.DOTALL)
#: How who deletes what lies there is called before its id, as the holder of a claim, and the folder that tells of it.
COLLECTOR = "gc-"
_OLD_MODEL_DIR = re.compile(rf"(.+)\.before-({_ID})")
#: Where `st_blocks` is counted in, whatever the blocks of the file system are.
_BLOCK_BYTES = 512


class NotOurs(Exception):
    """Something leads out of the outputs folder, and is left alone; `str()` of it says how."""


def names_in(top: Path, known: Collection[str]) -> Iterator[str]:
    """Yield what lies in `top`, as the path from there, looking only into folders in which something known lies.

    A folder that cannot be read has nothing in it.
    """
    inner = {parent for name in known for parent in parents(name)}.difference(known)
    left = [""]
    while left:
        at = left.pop()
        for entry in _entries(top / at):
            name = f"{at}{entry.name}"
            if name in inner and entry.is_dir(follow_symlinks=False):
                left.append(f"{name}/")
            else:
                yield name


def is_trash(name: str) -> bool:
    """Return whether something is called as `set_aside` calls it: nobody looks for it any more."""
    return _TRASH.fullmatch(name.rpartition("/")[2]) is not None


def is_written_aside(name: str) -> bool:
    """Return whether something is called as what is still to be renamed by who writes it, if that one is alive."""
    return _ASIDE.fullmatch(name.rpartition("/")[2]) is not None


def is_of_collector(name: str) -> bool:
    """Return whether something is called as the folder of who deletes, which tells whether that one is alive."""
    return name.rpartition("/")[2].startswith(f".{COLLECTOR}")


def is_passing(name: str) -> bool:
    """Return whether something is there for a moment only, unless whose it is died: then `gc` clears it."""
    return is_trash(name) or is_written_aside(name) or is_of_collector(name)


def former_model_dir(name: str) -> tuple[str, str] | None:
    """Return of which model dir `name` is a former state, and the id of the run that renamed it; None if it is none."""
    found = _OLD_MODEL_DIR.fullmatch(name)
    return (found[1], found[2]) if found else None


def file_server_time(folder: Path) -> float:
    """Return the time of the machine that stores `folder`, in seconds since the epoch: times of files are its own.

    That takes no room on the disk, which may have none.

    Raises:
        OSError: nothing can be written there.
    """
    os.utime(folder)
    return folder.stat().st_mtime


def modified_at(path: Path) -> float | None:
    """Return when something was last changed, in seconds since the epoch; None when it is not there."""
    try:
        return path.lstat().st_mtime
    except OSError:
        return None


def is_there(path: Path) -> bool:
    """Return whether there is something, as far as one can know: what cannot be looked at counts as there."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


class Sizes:
    """How much room things take on the disk; what has several names counts once."""

    def __init__(self) -> None:
        self._seen: set[tuple[int, int]] = set()

    def of(self, path: Path) -> int:
        """Return the room that something takes with all that lies in it, in bytes; what cannot be read takes none.

        Raises:
            NotOurs: another file system is mounted in it.
        """
        try:
            status = path.lstat()
        except OSError:
            return 0
        device, total, left = status.st_dev, self._bytes(status), [path]
        is_folder = stat.S_ISDIR(status.st_mode)
        while is_folder and left:
            for entry in _entries(left.pop()):
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                if status.st_dev != device:
                    raise NotOurs(f"another file system is mounted in it, at {entry.path}")
                total += self._bytes(status)
                if stat.S_ISDIR(status.st_mode):
                    left.append(Path(entry.path))
        return total

    def _bytes(self, status: os.stat_result) -> int:
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            name = (status.st_dev, status.st_ino)
            if name in self._seen:
                return 0
            self._seen.add(name)
        return status.st_blocks * _BLOCK_BYTES


def require_inside(path: Path, outputs: Outputs) -> None:
    """See that something lies in the outputs folder, and is no way out of it.

    Raises:
        NotOurs: it is a link, or a folder on the way to it is one.
    """
    if path.is_symlink():
        raise NotOurs("it is a link")
    if path.parent.resolve() != outputs.path.resolve() / path.parent.relative_to(outputs.path):
        raise NotOurs("it lies elsewhere: a folder on the way to it is a link")


def set_aside(path: Path, id: str, number: int) -> Path:
    """Rename something, so that from one moment to the next it is gone for everybody, and return where it is now.

    It stays in its folder: there it is on the same file system, and a disk without any room has that for it.

    Args:
        path: what is to be deleted.
        id: of who deletes it, as runs have one.
        number: tells what one deletes from the rest.

    Raises:
        OSError: it could not be renamed, and is where it was.
    """
    aside = path.with_name(f".trash-{id}-{number}")
    path.rename(aside)
    return aside


def delete(path: Path) -> OSError | None:
    """Delete something with all that lies in it, as far as possible; return what was in the way first, or None."""
    errors: list[OSError] = []

    def note(_function: object, _path: str, raised: tuple[type[BaseException], BaseException, object]) -> None:
        if isinstance(raised[1], OSError) and not isinstance(raised[1], FileNotFoundError):
            errors.append(raised[1])

    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, onerror=note)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        errors.append(error)
    return errors[0] if errors else None


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []
