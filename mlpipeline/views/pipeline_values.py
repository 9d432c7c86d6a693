"""What a pipeline was asked for: values as they are where that can be read, described where it cannot."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlpipeline.domain.quantities import size_in_words
from mlpipeline.domain.values import as_json, qualified_name
from mlpipeline.errors import NotJson

#: How many items, and how many characters, of JSON are shown as they are.
_MOST_ITEMS, _MOST_CHARACTERS = 1000, 4000


@dataclass(frozen=True, kw_only=True)
class Value:
    """An artifact that was asked for."""

    name: str
    value: Any
    #: What it takes in the cache, and where it is there; None where it is not.
    size_bytes: int | None
    path: Path | None


def values_text(values: Sequence[Value]) -> str:
    """Return the one value that was asked for, or a line for each of several, with its name."""
    if len(values) == 1:
        return _text(values[0])
    return "\n".join(f"{value.name}: {_text(value)}" for value in values)


def run_for_programs(name: str, values: Sequence[Value], stages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return `pipeline run --json`.

    Args:
        name: of the pipeline.
        values: that were asked for.
        stages: that were gone through.
    """
    return {
        "pipeline": name,
        "values": {
            value.name: {
                "value": _plain(value.value),
                "type": qualified_name(type(value.value)),
                "shape": _shape(value.value),
                "size_bytes": value.size_bytes,
                "path": None if value.path is None else str(value.path),
            }
            for value in values
        },
        "stages": [dict(stage) for stage in stages],
    }


def _text(value: Value) -> str:
    if value.value is None:
        return "None"
    plain = _plain(value.value)
    if isinstance(plain, str):
        return plain
    if isinstance(plain, float) and not math.isfinite(plain):
        return str(plain)
    if plain is not None:
        return json.dumps(plain, ensure_ascii=False)
    shape = _shape(value.value)
    dtype = getattr(value.value, "dtype", None)
    parts = [
        qualified_name(type(value.value)),
        *([] if shape is None else [" × ".join(map(str, shape)) or "one number"]),
        *([] if dtype is None or shape is None else [str(dtype)]),
        *([] if value.size_bytes is None else [size_in_words(value.size_bytes)]),
    ]
    return ", ".join(parts) + ("" if value.path is None else f": {value.path}")


def _plain(value: Any) -> Any:
    """Return a value as JSON, if it is a text, a number, or small; else None."""
    try:
        if isinstance(value, dict | list | tuple) and len(value) > _MOST_ITEMS:
            return None
        plain = as_json(value, "")
    except NotJson:
        return None
    if isinstance(plain, dict | list) and len(json.dumps(plain)) > _MOST_CHARACTERS:
        return None
    return plain


def _shape(value: Any) -> list[int] | None:
    """Return how many there are of a value along each of its axes; None where it has none."""
    shape = getattr(type(value), "shape", None) and value.shape
    if isinstance(shape, tuple) and all(isinstance(length, int) for length in shape):
        return list(shape)
    return [len(value)] if isinstance(value, dict | list | tuple | set | frozenset | bytes) else None
