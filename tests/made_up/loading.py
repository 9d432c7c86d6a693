"""What a made-up project comes to where it lies in a folder: the key of its stage, and what the stage makes."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from made_up.projects import Project
from mlpipeline.pipelines.code import Codes
from mlpipeline.pipelines.code_facts import KeptFacts


@dataclass(frozen=True)
class Loaded:
    """One stage as it was loaded."""

    #: Part of its code -> digest; installed package -> version.
    key: Mapping[str, str]
    result: str


def loaded(folder: Path, stage: str, kept: KeptFacts | None = None) -> Loaded:
    """The key of a stage by its code, and what it makes; nothing of it stays imported."""
    with _imported(folder) as net:
        target = getattr(net, stage)
        codes = Codes(kept)
        code = codes.of(target)
        codes.keep()
        try:
            result = str(target().run() if isinstance(target, type) else target())
        except Exception as error:  # As good a result as any: edits lead to it as well.
            result = repr(error)
    return Loaded({**{part.name: part.digest for part in code.parts}, **code.packages}, result)


def written(project: Project, folder: Path) -> Path:
    """The folder, with the project in it and no other source."""
    files = project.files()
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # Another file each time, as editors do it: by size and time alone, one of the same length might be like it.
        path.unlink(missing_ok=True)
        path.write_bytes(text.encode())
    return folder


@contextmanager
def _imported(folder: Path) -> Iterator[ModuleType]:
    before, writes_none = set(sys.modules), sys.dont_write_bytecode
    # Python tells by size and whole seconds whether it has compiled a source already.
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield importlib.import_module("net")
    finally:
        sys.path.remove(str(folder))
        sys.dont_write_bytecode = writes_none
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
                del sys.modules[name]
