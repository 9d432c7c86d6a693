"""Seeding what a training draws from: Python's random module, and NumPy's whenever it is imported."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

_NUMPY_RANDOM = "numpy.random"
#: Modules that draw from Python's random module when they are imported, for what no training depends on (the ids of
#: links). What comes after must not depend on whether the script, or anything that it uses, imports them.
_DRAWING = ("rich.style",)


class Seeding:
    """Seeds with one seed, as often as it is asked to."""

    def __init__(self, seed: int) -> None:
        """Take a seed in [0, 2**32)."""
        self._seed = seed

    def apply(self) -> None:
        """Seed now; NumPy as soon as it is there, for a script that imports it late."""
        random.seed(self._seed)
        numpy_random = sys.modules.get(_NUMPY_RANDOM)
        if numpy_random is not None:
            numpy_random.seed(self._seed % 2**32)
        if not any(isinstance(finder, _DrawWatch) for finder in sys.meta_path):
            sys.meta_path.insert(0, _DrawWatch(self._seed))


def draw_anew() -> None:
    """Seed by chance what a library seeded by chance when it was imported: else all forks of a process would share it.

    Python's random module sees to that itself.
    """
    generator = getattr(sys.modules.get("torch"), "__dict__", {}).get("default_generator")
    if generator is not None:
        generator.seed()


class _DrawWatch:
    """Sees modules imported that what a training draws would change with."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _NUMPY_RANDOM and fullname not in _DRAWING:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            _surround(spec.loader, self._seed_numpy if fullname == _NUMPY_RANDOM else _drawing_apart)
        return spec

    def _seed_numpy(self, execute: Callable[[], None], module: ModuleType) -> None:
        execute()
        module.seed(self._seed % 2**32)


def _drawing_apart(execute: Callable[[], None], _module: ModuleType) -> None:
    state = random.getstate()
    execute()
    random.setstate(state)


def _surround(loader: Any, surrounding: Callable[[Callable[[], None], ModuleType], None]) -> None:
    execute = loader.exec_module
    loader.exec_module = lambda module: surrounding(lambda: execute(module), module)
