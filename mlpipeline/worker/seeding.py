"""Seeding what a training draws from: Python's random module, and NumPy's whenever it is imported."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

_NUMPY_RANDOM = "numpy.random"


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
        elif not any(isinstance(finder, _NumpyWatch) for finder in sys.meta_path):
            sys.meta_path.insert(0, _NumpyWatch(self._seed))


def draw_anew() -> None:
    """Seed by chance what a library seeded by chance when it was imported: else all forks of a process would share it.

    Python's random module sees to that itself.
    """
    generator = getattr(sys.modules.get("torch"), "__dict__", {}).get("default_generator")
    if generator is not None:
        generator.seed()


class _NumpyWatch:
    """Seeds `numpy.random` when it is imported, and is gone after that."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _NUMPY_RANDOM:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            _run_after(spec.loader, self._seed)
        return spec


def _run_after(loader: Any, seed: int) -> None:
    execute = loader.exec_module

    def execute_and_seed(module: ModuleType) -> None:
        execute(module)
        module.seed(seed % 2**32)

    loader.exec_module = execute_and_seed
