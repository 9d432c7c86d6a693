"""Why a value cannot be pickled, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any

from mlpipeline.pipelines.serializers.pickles import pickler_class

#: How deep the cause is looked for, and among how many siblings.
_DEEPEST, _WIDEST = 12, 1000


def why_not(value: Any, error: Exception) -> str:
    """Return what of a value cannot be pickled, as far as that can be found, and why."""
    if _is_picklable(value):
        return f"{_kind(value)} that is pickled cannot be unpickled: {_first_line(error)}"
    if isinstance(error, RecursionError) or "recursion" in str(error):
        return f"{_kind(value)} is nested too deeply"
    where, culprit = "", value
    for _ in range(_DEEPEST):
        found = next(((at, part) for at, part in _parts(culprit) if not _is_picklable(part)), None)
        if found is None:
            break
        where, culprit = where + found[0], found[1]
    reason = _reason(culprit, error)
    if not where:
        return f"{_kind(value)} {reason}"
    return f"{_kind(value)} with {where.removeprefix('.')}, {_kind(culprit)}, which {reason}"


def _kind(value: Any) -> str:
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _reason(culprit: Any, error: Exception) -> str:
    try:
        _pickle(culprit)
    except Exception as own:
        error = own
    return f"cannot be pickled: {_first_line(error)}"


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a value holds, each with how one gets there from the value."""
    if isinstance(value, Mapping):
        pairs: Iterator[tuple[str, Any]] = ((f"[{key!r}]", item) for key, item in value.items())
    elif isinstance(value, list | tuple):
        pairs = ((f"[{index}]", item) for index, item in enumerate(value))
    elif isinstance(value, FunctionType):
        cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
        pairs = ((f".{name}", cell.cell_contents) for name, cell in cells)
    else:
        pairs = ((f".{name}", item) for name, item in getattr(value, "__dict__", {}).items())
    try:
        for _, pair in zip(range(_WIDEST), pairs, strict=False):
            yield pair
    except Exception:  # Whatever an object of the user's does when it is asked for what it holds.
        return


def _is_picklable(value: Any) -> bool:
    try:
        _pickle(value)
    except Exception:
        return False
    return True


class _Nowhere:
    """A file that keeps nothing: the value may be larger than what memory is left."""

    def write(self, data: bytes) -> int:
        return len(data)


def _pickle(value: Any) -> None:
    pickler_class()(_Nowhere(), protocol=5).dump(value)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
