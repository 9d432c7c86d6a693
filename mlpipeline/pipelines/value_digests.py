"""Digests of values that are in memory: parameters, and what is handed in."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any
from uuid import UUID

from mlpipeline.errors import NoDigest
from mlpipeline.pipelines import array_digests
from mlpipeline.pipelines.content import path_digest
from mlpipeline.pipelines.reductions import reduction
from mlpipeline.pipelines.uses import Uses

if TYPE_CHECKING:
    from mlpipeline.pipelines.remembered import Remembered

#: What `repr` says all of, exactly.
_BY_TEXT = (complex, Decimal, Fraction, UUID, range, timedelta, type(None), type(...), type(NotImplemented))
_MAIN = "__main__"
#: Types of which long values, and those that hold others than plain ones, are told once, however often they are in one.
_HOLDERS = frozenset({list, tuple, dict, set, frozenset, FunctionType})
_SHORT, _PLAIN = 8, frozenset({bool, int, float, str, type(None)})
#: So many: a value of millions of small parts would take twice the memory.
_MOST_REMEMBERED = 100_000


def value_digest(value: Any, remembered: Remembered | None = None, uses: Uses | None = None) -> str:
    """The digest of any value: of what it is, not of where it lies; the same in every process.

    1, 1.0 and True differ, as do lists and tuples, and dicts whose order differs; NaN is like itself. A path counts by
    what lies there and by its name; a function or a class by its name, and by its code and all that it reaches.

    Args:
        value: any.
        remembered: what was found of files before, for the paths in it; None for nothing.
        uses: what knows the code of functions and classes; None for the code as it is now.

    Raises:
        CodeUnknown: there is a function or a class in it of which nobody can say what its code is.
        NoDigest: it is, or holds, something that has no value: a generator, an open file, a lock.
        MlpipelineError, OSError: a path in it leads to what cannot be read.
    """
    from blake3 import blake3

    hasher = blake3()
    try:
        _Walk(hasher.update, remembered, Uses() if uses is None else uses).take(value)
    except RecursionError as error:
        raise NoDigest(value, "is nested too deeply") from error
    return str(hasher.hexdigest())


class _Walk:
    """One walk through a value, which tells a hasher what there is.

    Everything is told as its kind, its length where it has one, and what is in it: no two values are told alike.
    """

    def __init__(self, update: Callable[[Any], object], remembered: Remembered | None, uses: Uses) -> None:
        self._update = update
        self._remembered = remembered
        self._uses = uses
        # Objects of the user's that are being told, from the outermost in: one that leads back to itself is its depth.
        self._open: dict[int, int] = {}
        # The outermost of them that what is told just now leads back to: its depth.
        self._back_to = 0
        # id of what holds others -> it, or its id could become another's, and its digest: it may be in a value often.
        self._told: dict[int, tuple[Any, str]] = {}

    def take(self, value: Any) -> None:
        kind = type(value)
        teller = _TELLERS.get(kind)
        if teller is not None and not (kind in _HOLDERS and _is_worth_remembering(value)):
            teller(self, value)
        elif teller is not None or not array_digests.take(value, self.tell, self._update, self.take):
            self.tell("holds", self._digest(value, teller or _Walk._other))

    def _digest(self, value: Any, teller: Callable[[_Walk, Any], None]) -> str:
        """The digest of what holds others, which is found once, unless it depends on where in the value it is."""
        from blake3 import blake3

        known = self._told.get(id(value))
        if known is not None:
            return known[1]
        hasher = blake3()
        around, back_to, depth = self._update, self._back_to, len(self._open)
        self._update, self._back_to = hasher.update, depth
        try:
            teller(self, value)
        finally:
            self._update, inner = around, self._back_to
            self._back_to = min(back_to, inner)
        digest = str(hasher.hexdigest())
        if inner >= depth and len(self._told) < _MOST_REMEMBERED:
            self._told[id(value)] = (value, digest)
        return digest

    def tell(self, *words: object) -> None:
        """Tell of some words where each begins and ends."""
        for word in words:
            data = word if type(word) is bytes else str(word).encode("utf-8", "surrogatepass")
            self._update(b"%d:" % len(data))
            self._update(data)

    def _float(self, value: float) -> None:
        # By its bits, so that -0.0 is not 0.0; there are many NaNs, which nobody tells apart.
        self.tell("float", "nan" if math.isnan(value) else value.hex())

    def _by_text(self, value: Any) -> None:
        self.tell(type(value).__name__, repr(value))

    def _moment(self, value: date | time) -> None:
        self.tell(
            type(value).__name__, value.isoformat(), getattr(value, "fold", ""), repr(getattr(value, "tzinfo", ""))
        )

    def _sequence(self, value: list[Any] | tuple[Any, ...]) -> None:
        self.tell(type(value).__name__, len(value))
        for item in value:
            self.take(item)

    def _dict(self, value: dict[Any, Any]) -> None:
        self.tell("dict", len(value))
        for key, item in value.items():
            self.take(key)
            self.take(item)

    def _set(self, value: set[Any] | frozenset[Any]) -> None:
        self.tell(type(value).__name__, len(value))
        for digest in sorted(value_digest(item, self._remembered, self._uses) for item in value):
            self.tell(digest)

    def _path(self, value: Path) -> None:
        self.tell("path", value.name, path_digest(value, self._remembered))

    def _code(self, code: CodeType) -> None:
        """What a function does, wherever it stands."""
        self.tell("code", code.co_code, code.co_argcount, code.co_kwonlyargcount, code.co_flags)
        for parts in (code.co_names, code.co_varnames, code.co_freevars, code.co_consts):
            self.take(parts)

    def _function(self, value: FunctionType) -> None:
        code = self._uses.of(value)
        self.tell("function", _module(value), value.__qualname__, code)
        own = {name: one for name, one in vars(value).items() if not name.startswith("__mlpipeline_")}
        # Of others than the user's there are many whose name says nothing, such as lambdas.
        parts = (None if code else value.__code__, value.__defaults__, value.__kwdefaults__, own, *_cells(value))
        self._within(value, parts)

    def _class(self, value: type) -> None:
        self.tell("name", *self._named(value))

    def _named(self, kind: type) -> tuple[str, ...]:
        """What a class is called, and its code if it is the user's."""
        return _module(kind), kind.__qualname__, self._uses.of(kind)

    def _method(self, value: MethodType) -> None:
        self.tell("method", value.__name__)
        self.take(value.__self__)

    def _other(self, value: Any) -> None:
        """Tell of an object what pickling would take down of it."""
        kind = type(value)
        if isinstance(value, type):
            self._class(value)
        elif isinstance(value, Path):
            self._path(value)
        elif isinstance(value, Enum):
            self.tell("enum", *self._named(kind), value.name)
            self.take(value.value)
        else:
            self._reduced(value)

    def _reduced(self, value: Any) -> None:
        kind = type(value)
        try:
            reduced = reduction(value)
        except RecursionError:
            raise
        except Exception as error:
            raise NoDigest(value, f"has no value that could be compared: {error}") from error
        self.tell("object", *self._named(kind))
        if isinstance(reduced, str):
            self.tell("global", reduced)
            # functools.lru_cache
            wrapped = getattr(value, "__dict__", {}).get("__wrapped__")
            if wrapped is not None:
                self.take(wrapped)
            return
        maker, arguments, state, items, pairs = reduced
        self._within(value, (maker, arguments, state, *items, ..., *pairs))

    def _within(self, value: Any, parts: Iterable[Any]) -> None:
        """Tell of what an object of the user's holds, which may be the object itself."""
        if id(value) in self._open:
            depth = self._open[id(value)]
            self._back_to = min(self._back_to, depth)
            self.tell("above", len(self._open) - depth)
            return
        self._open[id(value)] = len(self._open)
        try:
            for part in parts:
                self.take(part)
        finally:
            del self._open[id(value)]


def _is_worth_remembering(value: Any) -> bool:
    if type(value) is FunctionType:
        return True
    parts = value.values() if type(value) is dict else value
    return len(value) > _SHORT or not all(type(part) in _PLAIN for part in parts)


def _cells(function: FunctionType) -> list[Any]:
    found = []
    for cell in function.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:  # Not bound yet.
            found.append(...)
    return found


def _module(value: Any) -> str:
    """The module of a class or function; of the script itself what the queue, which imports it, calls it."""
    name = getattr(value, "__module__", None) or ""
    return _main_name() if name == _MAIN else name


@cache
def _main_name() -> str:
    return Path(getattr(sys.modules.get(_MAIN), "__file__", None) or _MAIN).stem


_TELLERS: dict[type, Callable[[_Walk, Any], None]] = {
    str: lambda walk, value: walk.tell("str", value),
    bytes: lambda walk, value: walk.tell("bytes", value),
    bytearray: lambda walk, value: walk.tell("bytearray", bytes(value)),
    bool: _Walk._by_text,
    # Python refuses to write a very long one in decimal.
    int: lambda walk, value: walk.tell("int", f"{value:x}"),
    float: _Walk._float,
    list: _Walk._sequence,
    tuple: _Walk._sequence,
    dict: _Walk._dict,
    set: _Walk._set,
    frozenset: _Walk._set,
    date: _Walk._moment,
    datetime: _Walk._moment,
    time: _Walk._moment,
    CodeType: _Walk._code,
    FunctionType: _Walk._function,
    MethodType: _Walk._method,
    BuiltinFunctionType: _Walk._reduced,
    ModuleType: lambda walk, value: walk.tell("module", value.__name__, walk._uses.of(value)),
    **dict.fromkeys(_BY_TEXT, _Walk._by_text),
}
