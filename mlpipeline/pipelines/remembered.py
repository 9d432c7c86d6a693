"""What files held when they looked as they do now: for large files, reading them again takes longer than all else."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from mlpipeline.pipelines.content import Stamp, bytes_digest, changing_file_digest, current_stamp
from mlpipeline.project.files import to_json, write_whole

#: A file that was changed so shortly before it was read may change again without looking any different: some file
#: systems count in seconds.
_YOUNG_NS = 2 * 10**9


class Known:
    """What is remembered of one path: of the file there, or of the files in the folder there, by their names."""

    def __init__(self, entries: dict[str, tuple[Stamp, str]], now_ns: Callable[[], int]) -> None:
        self._before = entries
        self._now_ns = now_ns
        #: Of the files that were asked for.
        self.entries: dict[str, tuple[Stamp, str]] = {}

    @property
    def is_new(self) -> bool:
        """Whether there is something else to be remembered than before."""
        return self.entries != self._before

    def digest(self, name: str, path: Path) -> str:
        """The digest of a file.

        Raises:
            MlpipelineError, OSError: it cannot be had.
        """
        before = self._before.get(name)
        if before is not None and current_stamp(path) == before[0]:
            self.entries[name] = before
            return before[1]
        now_ns = self._now_ns()
        digest, stamp = changing_file_digest(path)
        if max(stamp[1], stamp[2]) < now_ns - _YOUNG_NS:
            self.entries[name] = (stamp, digest)
        return digest


def server_time_ns(folder: Path) -> int:
    """Return the time by the clock that the times of files are most likely of: the one of who stores `folder`.

    Where nothing can be written it is this machine's.
    """
    now_ns = time.time_ns()
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
        return min(now_ns, folder.stat().st_mtime_ns)
    return now_ns


class Remembered:
    """A folder of what is known of paths, a small file for each.

    What is remembered may be lost at any time, and is only ever written whole; so nobody waits for anybody.
    """

    def __init__(self, folder: Path, time_ns: Callable[[Path], int] = server_time_ns) -> None:
        """Take the folder, which need not be there, and what tells the time of the machine that stores it."""
        self._folder = folder
        self._time_ns = time_ns
        self._read: dict[str, dict[str, tuple[Stamp, str]]] = {}

    @contextmanager
    def of(self, path: Path) -> Iterator[Known]:
        """What is known of a path; what is found out meanwhile is remembered."""
        place = str(path.absolute())
        if place not in self._read:
            self._read[place] = _entries(self._file(place), place)
        now_ns = cache(lambda: self._time_ns(self._folder))
        known = Known(self._read[place], now_ns)
        yield known
        if known.is_new:
            self._read[place] = known.entries
            with suppress(OSError):
                self._write(place, known.entries)

    def forgotten(self) -> list[Path]:
        """The files that tell of paths where nothing is any more."""
        gone = []
        for file in self._folder.glob("*.json"):
            try:
                place = json.loads(file.read_bytes())["path"]
            except (OSError, ValueError, KeyError, TypeError):
                place = None
            if place is None or not os.path.lexists(place):
                gone.append(file)
        return gone

    def _file(self, place: str) -> Path:
        return self._folder / f"{bytes_digest(os.fsencode(place))[:32]}.json"

    def _write(self, place: str, entries: dict[str, tuple[Stamp, str]]) -> None:
        files = {name: [*stamp, digest] for name, (stamp, digest) in entries.items()}
        data = to_json({"path": place, "files": files})
        self._folder.mkdir(parents=True, exist_ok=True)
        write_whole(self._file(place), data, to_disk=False)


def _entries(file: Path, place: str) -> dict[str, tuple[Stamp, str]]:
    try:
        said = json.loads(file.read_bytes())
        if said["path"] == place:
            return {name: _entry(*entry) for name, entry in said["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return {}


def _entry(size: Any, mtime_ns: Any, ctime_ns: Any, inode: Any, digest: Any) -> tuple[Stamp, str]:
    return (size, mtime_ns, ctime_ns, inode), digest
