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
    """A file system of half a megabyte in place of a project's outputs."""

    def __init__(self, path: Path) -> None:
        if os.geteuid() != 0:
            lacking("right to mount a file system")
        self._path = path
        self._filler = path / "filler"
        path.mkdir(exist_ok=True)
        self.mount("-t", "tmpfs", "-o", "size=512k,nr_inodes=150", "tmpfs")

    def mount(self, *arguments: str) -> None:
        subprocess.run(["mount", *arguments, str(self._path)], check=True)

    def fill(self) -> None:
        """Leave no room at all, not even in the last page of a journal."""
        for journal in self._path.glob("history-*"):
            with journal.open("a") as file:
                room = -file.tell() % PAGE + PAGE
                file.write(FILLER.replace('""', f'"{"x" * (room - len(FILLER))}"'))
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
