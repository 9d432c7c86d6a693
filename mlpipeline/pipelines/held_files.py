"""Files of which the code of a stage holds the path: what lies there counts as part of that code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from mlpipeline.errors import CodeUnknown, FileKeepsChanging
from mlpipeline.pipelines.code import Part
from mlpipeline.pipelines.content import path_digest, text_digest
from mlpipeline.pipelines.remembered import Remembered


class HeldFiles:
    """The files at paths that code holds, each as it is when it is first asked for: stages that share one agree."""

    def __init__(self, remembered: Remembered | None) -> None:
        """Take what was found of files before; None for nothing."""
        self._remembered = remembered
        #: None where there is no file: a folder may be to write to.
        self._digests: dict[Path, str | None] = {}

    def parts(self, paths: Iterable[Path]) -> tuple[Part, ...]:
        """One part for each name of a file that is there.

        Raises:
            CodeUnknown: one cannot be read, or changes all the time.
        """
        same_name: dict[str, list[Path]] = {}
        for path in sorted(paths):
            if path not in self._digests:
                self._digests[path] = self._digest(path)
            same_name.setdefault(path.name, []).append(path)
        parts = []
        for name, same in same_name.items():
            # In the order of their folders, with those where nothing is: what changes places is not what it was.
            digests = [self._digests[path] for path in same]
            there = [_shown(path) for path, digest in zip(same, digests, strict=True) if digest is not None]
            if there:
                parts.append(Part(name=name, digest=text_digest(str(digests)), file=", ".join(there)))
        return tuple(parts)

    def _digest(self, path: Path) -> str | None:
        try:
            return path_digest(path, self._remembered) if path.is_file() and not _is_source(path) else None
        except FileKeepsChanging as error:
            raise CodeUnknown(path.name, "it changes while it is read") from error
        except OSError as error:
            raise CodeUnknown(path.name, f"it cannot be read: {error.strerror}") from error


def _shown(path: Path) -> str:
    """A path as somebody would type it here."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _is_source(path: Path) -> bool:
    """Whether a module was loaded from it, as a script may call itself: of that the code counts that is reached."""
    if path.suffix != ".py":
        return False
    files = (getattr(module, "__dict__", {}).get("__file__") for module in list(sys.modules.values()))
    same = (file for file in files if isinstance(file, str) and file.rpartition(os.sep)[2] == path.name)
    return any(os.path.realpath(file) == os.path.realpath(path) for file in same)
