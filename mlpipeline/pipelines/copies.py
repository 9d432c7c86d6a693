"""Copies of values that several stages, runs or threads use, none of which is to see what another does to them."""

from __future__ import annotations

import copy
import sys
from collections.abc import Collection, Iterator
from typing import Any

from mlpipeline.pipelines.installed import Origin, origin_of_module

#: Nothing in a program can change one of these.
_UNCHANGING = (bool, int, float, complex, str, bytes, type(None), type, type(Ellipsis))
_PLAIN = (dict, list, set, tuple)


class Original:
    """A value that is kept, and of which each user gets a copy.

    What can be copied by nobody, as a lock or an open connection, is the same for all. Safe to use in several threads.
    """

    def __init__(self, value: Any) -> None:
        #: It itself, for those who do not change it.
        self.value = value
        self._installed: list[Any] = []
        #: What has a faster way than `deepcopy` has.
        self._flat: list[Any] = []
        self._uncopyable: list[Any] = []
        for part in _parts(value):
            (self._flat if _is_flat(part) else self._installed).append(part)

    def copy(self) -> Any:
        """The value for one user, who may do with it whatever he likes."""
        return self._copied(())

    def lent(self) -> Any:
        """The value for one user among many, who share the objects of installed libraries in it.

        To copy a forest for every request would cost more than asking it.
        """
        return self._copied(self._installed)

    def _copied(self, shared: Collection[Any]) -> Any:
        try:
            return self._copied_once(self.value, shared)
        except MemoryError:
            raise  # It can be copied, if not here.
        except Exception:
            # The smaller ones first, so that all around them is copied all the same.
            for part in (*self._installed, *_items(self.value)):
                if not self._can_be_copied(part, shared):
                    self._uncopyable.append(part)
        return self._copied_once(self.value, shared)

    def _copied_once(self, value: Any, shared: Collection[Any]) -> Any:
        memo = {id(part): part for part in (*shared, *self._uncopyable)} | {
            id(part): part.copy() for part in self._flat
        }
        return copy.deepcopy(value, memo)

    def _can_be_copied(self, part: Any, shared: Collection[Any]) -> bool:
        try:
            self._copied_once(part, shared)
        except MemoryError:
            raise
        except Exception:
            return False
        return True


def _items(value: Any) -> list[Any]:
    """Return a value's own items, or attributes, of which some cannot be copied; else the value."""
    items = list(value.values() if type(value) is dict else value if type(value) in _PLAIN else ())
    return items or [value]


def _parts(value: Any) -> Iterator[Any]:
    """Yield what in a value `deepcopy` is too slow for, or may be shared as a whole, each once."""
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
    return origin_of_module(kind.__module__) is Origin.INSTALLED
