"""What an import takes in that is another for every run: the system's randomness, and what is said of the run."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

#: Packages whose generators are seeded anew for each run, and those that draw for what no training depends on: names
#: in shared memory, examples in docstrings, a default that is never used, shortcuts in algebra, the id of a session.
_PASSED_OVER = {"numpy", "torch", "joblib", "scipy", "sklearn", "sympy", "transformers", "mlpipeline", ""}


class Inputs:
    """Notes, while its block is executed, what a package takes in when it is imported.

    What the standard library takes in for itself is passed over: no training depends on it.
    """

    def __init__(self) -> None:
        #: What was done, and by which package.
        self.found: list[tuple[str, str]] = []
        self._is_open = False
        self._undo: list[Callable[[], None]] = []

    def __enter__(self) -> Inputs:
        self._is_open = True
        for holder, name in ((os, "urandom"), (random, "_urandom")):
            self._replace(holder, name, self._noting_draws(getattr(holder, name)))
        self._replace(random.Random, "seed", self._noting_seeds(random.Random.seed))
        self._replace(type(os.environ), "__getitem__", self._noting_reads(type(os.environ).__getitem__))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        # What was imported may have kept one of ours: it goes on doing the same.
        self._is_open = False
        while self._undo:
            self._undo.pop()()

    def _replace(self, holder: Any, name: str, value: Any) -> None:
        before = getattr(holder, name)
        setattr(holder, name, value)
        self._undo.append(lambda: setattr(holder, name, before))

    def _noting_draws(self, urandom: Callable[[int], bytes]) -> Callable[[int], bytes]:
        def noting(size: int, /) -> bytes:
            self._note("draws random numbers")
            return urandom(size)

        return noting

    def _noting_seeds(self, seed: Callable[..., None]) -> Callable[..., None]:
        def noting(generator: random.Random, a: Any = None, version: int = 2) -> None:
            if a is None:
                self._note("draws random numbers")
            seed(generator, a, version)

        return noting

    def _noting_reads(self, get: Callable[[Any, str], str]) -> Callable[[Any, str], str]:
        def noting(environ: Any, key: str) -> str:
            if isinstance(key, str) and (key.startswith("MLP_") or key == "CUDA_VISIBLE_DEVICES"):
                self._note(f"reads {key}")
            return get(environ, key)

        return noting

    def _note(self, what: str) -> None:
        package = _being_imported() if self._is_open else None
        if package is not None:
            self.found.append((package, what))


def _being_imported() -> str | None:
    """Return the package whose module is being executed right now; None where that does not matter."""
    frame: FrameType | None = sys._getframe(1)
    name = ""
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        # That draws anew in every process, and temporary folders are seen otherwise.
        if name == "tempfile" or frame.f_code.co_name == "<module>":
            break
        frame = frame.f_back
    package = name.partition(".")[0] if frame is not None else ""
    return None if package in sys.stdlib_module_names or package in _PASSED_OVER else package
