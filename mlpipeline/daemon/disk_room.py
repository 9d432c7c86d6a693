"""Whether there is room enough on the disk of the outputs for another run to begin."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from mlpipeline.domain.quantities import size_in_words


class DiskRoom:
    """Looks at the disk before a run starts: a run that finds none left has trained for nothing."""

    def __init__(self, folder: Path, least_bytes: int, log: Callable[[str], None]) -> None:
        """Want `least_bytes` free on the disk of `folder`; 0 wants nothing."""
        self._folder = folder
        self._least_bytes = least_bytes
        self._log = log
        #: Why nothing starts, where there is no room; empty where there is.
        self.shortage = ""

    def look(self) -> bool:
        """Return whether there is room now; it is told when that changes."""
        free = self._free_bytes() if self._least_bytes else None
        was_short = bool(self.shortage)
        if free is None or free >= self._least_bytes:
            self.shortage = ""
            if was_short:
                self._log("there is room on the disk again")
            return True
        least = size_in_words(self._least_bytes)
        self.shortage = f"{size_in_words(free)} are free on the disk of {self._folder}; min_free_disk is {least}"
        if not was_short:
            self._log(f"nothing new starts until there is room: {self.shortage}")
        return False

    def _free_bytes(self) -> int | None:
        try:
            disk = os.statvfs(self._folder)
        except OSError:
            return None  # What is wrong there is found out, and told, by whoever writes.
        return disk.f_bavail * disk.f_frsize
