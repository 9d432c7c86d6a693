"""Where a change can decide what is found at a path: folders, and the names in them."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable

#: As many links in a row as Linux follows.
_MOST_LINKS = 40


class Places:
    """The folders, links resolved, and the names in them by which paths are found; what is missing may come."""

    def __init__(self, inside: Iterable[str]) -> None:
        """Take the folders in which whole folders are moved and replaced: there, each part of a path counts."""
        self._inside = tuple(inside)
        #: Folder -> the names in it.
        self.names: dict[str, set[str]] = defaultdict(set)
        #: Folders as written -> as they are, None where there is none.
        self._real: dict[str, str | None] = {}

    def add(self, path: str, links: int = 0) -> str | None:
        """Add the places by which an absolute path is found; return what it leads to, None where that is missing.

        Args:
            path: of a file or folder.
            links: how many were followed to come to it.
        """
        folder, name = os.path.split(path.rstrip("/"))
        real = self._lead(folder, links)
        if real is None:
            return None
        self.names[real].add(name)
        return self._follow(real, name, links)

    def _lead(self, folder: str, links: int) -> str | None:
        if folder not in self._real:
            parent, name = os.path.split(folder)
            real = self._lead(parent, links) if name else folder
            self._real[folder] = self._follow(real, name, links) if name and real is not None else real
        return self._real[folder]

    def _follow(self, folder: str, name: str, links: int) -> str | None:
        here = os.path.join(folder, name)
        try:
            target = os.readlink(here)
        except OSError:
            is_there = os.path.lexists(here)
            if not is_there or any(folder == top or folder.startswith(f"{top}/") for top in self._inside):
                self.names[folder].add(name)
            return here if is_there else None
        self.names[folder].add(name)
        return self.add(os.path.normpath(os.path.join(folder, target)), links + 1) if links < _MOST_LINKS else None
