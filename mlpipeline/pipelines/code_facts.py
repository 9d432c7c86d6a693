"""What was found out about sources, kept in the cache: to parse a project anew is most of the start of a pipeline."""

from __future__ import annotations

import json
import marshal
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from mlpipeline import __version__
from mlpipeline.pipelines.content import bytes_digest, text_digest
from mlpipeline.project.files import write_whole
from mlpipeline.project.storage import is_written_aside

#: Of what is kept, and of how it is found: to be raised whenever `references` or `canonical` say something else.
_FORMAT = 8

#: Name -> what is known by it: texts, numbers, tuples of these, and code, which is compared and never run.
Facts = dict[str, Any]


class KeptFacts:
    """A folder of what is known of source files, a small file for each.

    What is kept may be lost at any time, and is only ever written whole; so nobody waits for anybody.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, path: str, text: str) -> Facts:
        """What is known of a source file that holds this text; nothing where nothing is."""
        try:
            said = self._file(path).read_bytes()
        except OSError:
            return {}
        _, _, body = said.partition(b"\n")
        # Damaged code would end the process.
        if said != _head(path, text, body) + body:
            return {}
        facts = marshal.loads(body)
        return facts if isinstance(facts, dict) else {}

    def keep(self, path: str, text: str, facts: Facts) -> None:
        """Keep what is known of a source file that holds this text, as far as that can be written."""
        with suppress(OSError, ValueError):
            body = marshal.dumps(facts)
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(self._file(path), _head(path, text, body) + body, to_disk=False)

    def forgotten(self) -> list[Path]:
        """The files that tell of sources which are not there any more."""
        gone = []
        for file in self._folder.glob("*"):
            if is_written_aside(file.name):
                continue
            try:
                with file.open("rb") as opened:
                    path = json.loads(opened.readline())["path"]
                is_there = os.path.lexists(path)
            except (OSError, ValueError, KeyError, TypeError):
                is_there = False
            if not is_there:
                gone.append(file)
        return gone

    def _file(self, path: str) -> Path:
        # Each version of Python has a file of its own: they would write over each other's.
        return self._folder / f"{bytes_digest(os.fsencode(path))[:32]}.{sys.implementation.cache_tag}"


def _head(path: str, text: str, body: bytes) -> bytes:
    """The first line of a file: what it tells of, who wrote it, and the digest of the rest."""
    # Optimized code has no assertions.
    made_by = [_FORMAT, __version__, sys.version, sys.flags.optimize]
    said = {"path": path, "text": text_digest(text), "made_by": made_by, "facts": bytes_digest(body)}
    return json.dumps(said).encode() + b"\n"
