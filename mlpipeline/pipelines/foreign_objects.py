"""Objects of classes that are not the user's: what tells one from another."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from mlpipeline.pipelines.installed import Origin, origin_of_function
from mlpipeline.pipelines.reductions import reduction

#: What each process has one of, in another state: its environment, what functions such as `random.random` draw from.
_OF_PROCESS = (("os", "environ"), ("random", "_inst"), ("numpy.random.mtrand", "_rand"))
#: Packages and modules whose objects hold what is another in each process, or where a script is run and not imported:
#: the name of its module, a number of the process, the hash of a text.
_CHANGING = frozenset({"joblib.parallel", "logging", "loguru", "matplotlib", "sqlalchemy"})
#: What `functools.update_wrapper` gives to an object as well: documentation, and what a script is called where it runs.
_OF_WRAPPERS = {"__doc__", "__module__"}
_PLAIN = (bool, int, float, complex, str, bytes)


class Told(NamedTuple):
    """What tells an object from others of its class."""

    word: str
    values: list[Any]
    #: Whether that is all: if not, how it was made counts.
    is_all: bool


_UNTOLD = Told("some", [], False)


def told_of(value: Any, *, takes_apart: bool) -> Told:
    """What tells an object from others of its class: what pickling would take of it, where that says all about it.

    Args:
        value: of a class that is not the user's, or that has a base that is not.
        takes_apart: whether that is so, too, of what can be called and holds a function of the user's, as a decorator
            of others makes it: it may change while it is used, and with each process.
    """
    module = type(value).__module__
    wraps = not takes_apart and callable(value)
    # What Numba makes of a function holds a number of the process beside it, and takes long to be pickled.
    is_wrapper = wraps and _is_users(getattr(value, "__dict__", {}).get("__wrapped__"))
    if is_wrapper or not _CHANGING.isdisjoint((module, module.partition(".")[0])):
        return _UNTOLD
    if any(value is getattr(sys.modules.get(home), name, None) for home, name in _OF_PROCESS):
        return Told("of this process", [], True)
    try:
        found = reduction(value)
    except Exception:  # It has no value, whatever it says.
        return _UNTOLD
    if isinstance(found, str):
        return Told(f"called {found}", [], True)
    if wraps and _holds_function(found[1:]):
        return Told("some", list(_lasting(found.state)), False)
    if isinstance(found.state, dict):
        found = found._replace(state=without_words(found.state))
    return Told("made", list(found), True)


def without_words(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes without those that only say what something is called, and what it is for."""
    return {name: item for name, item in attributes.items() if name not in _OF_WRAPPERS}


def _lasting(state: Any) -> Iterator[tuple[str, Any]]:
    """The attributes of what a decorator made that it was given: not what it looked up while it was used."""
    attributes = without_words(state) if isinstance(state, dict) else {}
    for name in sorted(attributes, key=str):  # Their names may be of any type.
        item = attributes[name]
        parts = list(item.values()) if isinstance(item, dict) else item if isinstance(item, list | tuple) else [item]
        if parts and all(isinstance(part, _PLAIN) or _is_users(part) for part in parts):
            yield name, item


def _holds_function(parts: Any, depth: int = 3) -> bool:
    """Whether a function of the user's is among what an object is made again of: a decorator made it of that.

    It is looked for as deep as an item of one of its attributes: there may be circles, and large data, farther down.
    """
    while isinstance(parts, functools.partial | types.MethodType):
        parts = parts.func if isinstance(parts, functools.partial) else parts.__func__
    if isinstance(parts, types.FunctionType):
        return _is_users(parts)
    inner = parts.values() if isinstance(parts, dict) else parts if isinstance(parts, list | tuple) else ()
    return depth > 0 and any(_holds_function(part, depth - 1) for part in inner)


def _is_users(value: Any) -> bool:
    return isinstance(value, types.FunctionType) and origin_of_function(value) is Origin.PROJECT
