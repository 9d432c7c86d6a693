"""How artifacts are stored: by their type, in formats that other tools read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol


class Serializer(Protocol):
    """Stores the values of some types; called in the process that runs the stages, by one thread at a time."""

    #: How records name it; never changed, or what was stored cannot be read any more.
    name: str
    #: How the files end that it writes, with the full stop; nothing for folders.
    suffix: str
    #: Whether `load` executes what it reads, as unpickling does.
    is_pickle: bool

    def takes(self, value: Any) -> bool:
        """Whether a value is stored by this one, and comes back as it was."""

    def save(self, value: Any, path: Path) -> None:
        """Write the value to `path`, where nothing is yet, as a file or a folder.

        Raises:
            Exception: it cannot be; whatever there is at `path` is deleted.
        """

    def load(self, path: Path) -> Any:
        """The value that was written to `path`."""


class _Numpy:
    name, suffix, is_pickle = "numpy", ".npy", False

    def takes(self, value: Any) -> bool:
        import sys

        numpy = sys.modules.get("numpy")
        return numpy is not None and type(value) is numpy.ndarray and not value.dtype.hasobject

    def save(self, value: Any, path: Path) -> None:
        import numpy as np

        with path.open("wb") as file:
            np.save(file, value, allow_pickle=False)

    def load(self, path: Path) -> Any:
        import numpy as np

        # Copy on write: what a stage does to it stays its own.
        return np.load(path, mmap_mode="c", allow_pickle=False).view(np.ndarray)


class _Json:
    name, suffix, is_pickle = "json", ".json", False

    def takes(self, value: Any) -> bool:
        kind = type(value)
        if kind is dict:
            return all(type(key) is str and self.takes(item) for key, item in value.items())
        if kind is list:
            return all(self.takes(item) for item in value)
        return value is None or kind in (bool, int, float, str)

    def save(self, value: Any, path: Path) -> None:
        path.write_text(json.dumps(value, ensure_ascii=False), "utf-8")

    def load(self, path: Path) -> Any:
        return json.loads(path.read_text("utf-8"))


class _Pickle:
    name, suffix, is_pickle = "pickle", ".pkl", True

    def takes(self, value: Any) -> bool:  # noqa: ARG002 (it takes what no other one does)
        return True

    def save(self, value: Any, path: Path) -> None:
        import cloudpickle

        with path.open("wb") as file:
            cloudpickle.dump(value, file, protocol=5)

    def load(self, path: Path) -> Any:
        import pickle

        return pickle.loads(path.read_bytes())


_SERIALIZERS: tuple[Serializer, ...] = (_Numpy(), _Json(), _Pickle())


def serializer_for(value: Any) -> Serializer:
    """The first serializer that takes a value."""
    return next(serializer for serializer in _SERIALIZERS if serializer.takes(value))


def serializer_named(name: str) -> Serializer:
    """The serializer that a record names.

    Raises:
        LookupError: there is none of that name here.
    """
    for serializer in _SERIALIZERS:
        if serializer.name == name:
            return serializer
    raise LookupError(name)
