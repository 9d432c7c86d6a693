"""A disk that is full."""

from __future__ import annotations

import itertools
import os
import subprocess
from contextlib import suppress
from pathlib import Path

from needs import lacking

PAGE = 4096
FILLER = '{"event":"filler","text":""}\n'


class SmallDisk:
    """A file system in place of a folder, such as a project's outputs; of half a megabyte unless told otherwise."""

    def __init__(self, path: Path, *, size_kb: int = 512, files: int = 150) -> None:
        if os.geteuid() != 0:
            lacking("right to mount a file system")
        self._path = path
        self._filler = path / "filler"
        path.mkdir(exist_ok=True)
        self.mount("-t", "tmpfs", "-o", f"size={size_kb}k,nr_inodes={files}", "tmpfs")

    def mount(self, *arguments: str) -> None:
        subprocess.run(["mount", *arguments, str(self._path)], check=True)

    def fill(self) -> None:
        """Leave no room at all, not even in the last page of a journal."""
        for journal in self._path.glob("history-*"):
            with journal.open("a") as file:
                room = -file.tell() % PAGE + PAGE
                file.write(FILLER.replace('""', f'"{"x" * (room - len(FILLER))}"'))
        self.take_the_rest()

    def take_the_rest(self) -> None:
        """Leave no room but in pages that others have begun."""
        with self._filler.open("ab", buffering=0) as file:
            for size in (PAGE, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    continue
        with suppress(OSError):
            for number in itertools.count():
                self._filler.with_name(f"filler-{number}").touch()

    def make_room(self) -> None:
        """Take that back."""
        for path in self._path.glob("filler*"):
            path.unlink()

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", str(self._path)], check=True)

    @property
    def free(self) -> int:
        """How much room there is, in bytes."""
        disk = os.statvfs(self._path)
        return disk.f_bavail * disk.f_frsize

    def leave(self, room: int) -> None:
        """Leave so much room, in bytes."""
        with self._filler.open("ab") as file:
            file.write(b"x" * (self.free - room))
