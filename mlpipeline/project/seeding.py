"""Seeding what user code draws from: Python's random module, and NumPy's and torch's whenever they are imported."""

from __future__ import annotations

import os
import random
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, TypeVar

T = TypeVar("T")

_NUMPY_RANDOM = "numpy.random"
_TORCH = "torch"
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
        _seed(self._seed)
        if not any(isinstance(finder, _DrawWatch) for finder in sys.meta_path):
            sys.meta_path.insert(0, _DrawWatch(self._seed))


def draw_anew() -> None:
    """Seed by chance what a library seeded by chance when it was imported: else all forks of a process would share it.

    Python's random module sees to that itself.
    """
    generator = getattr(sys.modules.get("torch"), "__dict__", {}).get("default_generator")
    if generator is not None:
        generator.seed()


#: How often who waits for the generators looks whether it still is to.
_LOOKS_S = 0.1
#: Of the thread that has seeded the generators, which are the process's, until it has put them back.
_drawing = threading.RLock()


def _forget_drawing() -> None:
    global _drawing  # noqa: PLW0603 (in a fork, the thread that would release it is not there)
    _drawing = threading.RLock()


os.register_at_fork(after_in_child=_forget_drawing)


@contextmanager
def drawing_alone(waits: Callable[[], None]) -> Iterator[None]:
    """Keep every other thread of the process from `drawing_apart`; wait for one that does.

    Args:
        waits: called several times a second meanwhile; what it raises ends the waiting.
    """
    mine = _drawing
    while not mine.acquire(timeout=_LOOKS_S):
        waits()
    try:
        yield
    finally:
        mine.release()


def drawing_apart(seed: int, call: Callable[[], T]) -> T:
    """Return what `call` returns; all that it draws follows from the seed, and whoever draws later sees nothing of it.

    One thread at a time does this: the others wait.

    Args:
        seed: in [0, 2**32); torch is seeded with it as well.
        call: of user code.

    Raises:
        BaseException: what `call` raises.
    """
    with drawing_alone(lambda: None):
        return _drawn_apart(seed, call)


def _drawn_apart(seed: int, call: Callable[[], T]) -> T:
    watch = _DrawWatch(seed, seeds_torch=True)
    before = _States()
    sys.meta_path.insert(0, watch)
    _seed(seed)
    if _is_there(_TORCH):
        sys.modules[_TORCH].manual_seed(seed)
    try:
        return call()
    finally:
        if watch in sys.meta_path:
            sys.meta_path.remove(watch)
        before.restore()


class _States:
    """The generators as they are now."""

    def __init__(self) -> None:
        self._python = random.getstate()
        self._numpy = sys.modules[_NUMPY_RANDOM].get_state() if _is_there(_NUMPY_RANDOM) else None
        self._torch = self._gpus = None
        if _is_there(_TORCH):
            torch = sys.modules[_TORCH]
            self._torch = torch.get_rng_state()
            self._gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None

    def restore(self) -> None:
        """Have them as they were; one that has come since draws what it would have drawn if it came now."""
        random.setstate(self._python)
        if self._numpy is not None:
            sys.modules[_NUMPY_RANDOM].set_state(self._numpy)
        elif _is_there(_NUMPY_RANDOM):
            outer = next((finder for finder in sys.meta_path if isinstance(finder, _DrawWatch)), None)
            sys.modules[_NUMPY_RANDOM].seed(None if outer is None else outer.seed % 2**32)
        if self._torch is None:
            draw_anew()
        else:
            sys.modules[_TORCH].set_rng_state(self._torch)
        if self._gpus is not None:
            sys.modules[_TORCH].cuda.set_rng_state_all(self._gpus)


def _seed(seed: int) -> None:
    random.seed(seed)
    if _is_there(_NUMPY_RANDOM):
        sys.modules[_NUMPY_RANDOM].seed(seed % 2**32)


def _is_there(module: str) -> bool:
    return sys.modules.get(module) is not None


class _DrawWatch:
    """Sees modules imported that what a training draws would change with."""

    def __init__(self, seed: int, *, seeds_torch: bool = False) -> None:
        self.seed = seed
        self._seeds_torch = seeds_torch

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        surrounding = self._surrounding(fullname)
        if surrounding is None:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            _surround(spec.loader, surrounding)
        return spec

    def _surrounding(self, name: str) -> Callable[[Callable[[], None], ModuleType], None] | None:
        if name == _NUMPY_RANDOM:
            return self._seed_numpy
        if name == _TORCH and self._seeds_torch:
            return self._seed_torch
        return _as_if_not_drawn if name in _DRAWING else None

    def _seed_numpy(self, execute: Callable[[], None], module: ModuleType) -> None:
        execute()
        module.seed(self.seed % 2**32)

    def _seed_torch(self, execute: Callable[[], None], module: ModuleType) -> None:
        execute()
        module.manual_seed(self.seed)


def _as_if_not_drawn(execute: Callable[[], None], _module: ModuleType) -> None:
    state = random.getstate()
    execute()
    random.setstate(state)


def _surround(loader: Any, surrounding: Callable[[Callable[[], None], ModuleType], None]) -> None:
    execute = loader.exec_module
    loader.exec_module = lambda module: surrounding(lambda: execute(module), module)
