"""The numbers among artifacts: what people compare runs by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlpipeline.domain.values import as_number
from mlpipeline.pipelines.definitions import SEPARATOR

#: A dict of more than that is data.
_MOST = 100


def numbers_of(values: Mapping[str, Any]) -> dict[str, int | float]:
    """Return, by name, the artifacts that are a number, and the items of those that are a dict of nothing else.

    Scalars of NumPy and torch are numbers, truth values are 0 and 1; `metrics.f1` is an item. A state is none of
    these, whatever its attributes are, nor is what raises when it is looked into: it is the user's.

    Args:
        values: artifact -> its value.
    """
    found: dict[str, int | float] = {}
    for name, value in values.items():
        if SEPARATOR not in name:
            found |= _numbers(name, value)
    return found


def _numbers(name: str, value: Any) -> dict[str, int | float]:
    try:
        items = {name: value}
        if isinstance(value, Mapping):
            if len(value) > _MOST:
                return {}
            items = {f"{name}{SEPARATOR}{key}": item for key, item in value.items()}
        return {key: as_number(item, key) for key, item in items.items()}
    except Exception:  # Most often `NotJson`.
        return {}
