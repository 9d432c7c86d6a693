"""Copies of values that several stages, runs or threads use, none of which is to see what another does to them."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from typing import Any

from mlpipeline.project.project_code import is_project_code

#: Nothing in a program can change one of these.
_UNCHANGING = (bool, int, float, complex, str, bytes, type(None), type, type(Ellipsis))
_PLAIN = (dict, list, set, tuple)


class Original:
    """A value that is kept, and of which each user gets a copy.

    Objects of installed libraries are the same for all, such as an estimator: to copy a forest for every request
    would cost more than asking it. Containers, arrays, tables and objects of the project are copied, and so is
    what is in them. Safe to use in several threads.
    """

    def __init__(self, value: Any) -> None:
        #: It itself, for those who do not change it.
        self.value = value
        self._shared: list[Any] = []
        #: What has a faster way than `deepcopy` has.
        self._flat: list[Any] = []
        for part in _parts(value):
            (self._flat if _is_flat(part) else self._shared).append(part)

    def copy(self) -> Any:
        """The value for one user."""
        try:
            return self._copied(self.value)
        except Exception:  # A lock, a generator: there can be but the one.
            self._shared += [part for part in _items(self.value) if not self._can_be_copied(part)]
        return self._copied(self.value)

    def _copied(self, value: Any) -> Any:
        memo = {id(part): part for part in self._shared} | {id(part): part.copy() for part in self._flat}
        return copy.deepcopy(value, memo)

    def _can_be_copied(self, part: Any) -> bool:
        try:
            self._copied(part)
        except Exception:
            return False
        return True


def _items(value: Any) -> list[Any]:
    """Return a value's own items, or attributes, of which some cannot be copied; else the value."""
    items = list(value.values() if type(value) is dict else value if type(value) in _PLAIN else ())
    return items or [value]


def _parts(value: Any) -> Iterator[Any]:
    """Yield all in a value that `deepcopy` is not to copy, each once."""
    seen: set[int] = set()
    pending = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, _UNCHANGING) or id(part) in seen:
            continue
        seen.add(id(part))
        if _is_flat(part):
            yield part
        elif any(_is_installed(kind) for kind in type(part).__mro__):
            if not hasattr(part, "__array__"):
                yield part
        elif type(part) is dict:
            pending += [*part, *part.values()]
        elif type(part) in _PLAIN:
            pending += part
        else:
            pending += getattr(part, "__dict__", {}).values()


def _is_flat(value: Any) -> bool:
    kind = type(value)
    if kind is dict:
        return all(type(key) in _UNCHANGING and type(item) in _UNCHANGING for key, item in value.items())
    if kind in (list, set):
        return all(type(item) in _UNCHANGING for item in value)
    numpy = sys.modules.get("numpy")
    return numpy is not None and kind is numpy.ndarray and not value.dtype.hasobject


def _is_installed(kind: type) -> bool:
    """Whether a class is of an installed library."""
    package = kind.__module__.partition(".")[0]
    if package in sys.stdlib_module_names or package == "mlpipeline":
        return False
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return file is not None and not is_project_code(file)
