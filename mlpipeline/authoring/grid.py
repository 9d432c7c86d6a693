"""The versions of a grid: every combination of the values of some parameters."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mlpipeline.authoring.version import Version, checked_keys, listed, spelled
from mlpipeline.domain.names import name_from_values
from mlpipeline.domain.values import as_json, qualified_name, value_text
from mlpipeline.domain.words import did_you_mean
from mlpipeline.errors import NotJson, VersionsError

_WHERE = "rangeOnParameters"


def grid(
    names: Sequence[Any] | None, combining_parameters: Iterable[str], parameters: Mapping[str, Any]
) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The name and the parameters of each version; the last combining parameter varies fastest.

    Raises:
        VersionsError: a combined parameter has no values, or there are not as many names as combinations.
    """
    given = Version(checked_keys(_WHERE, parameters))
    if isinstance(combining_parameters, str):
        combining_parameters = [combining_parameters]
    combining = [spelled(key) for key in combining_parameters]
    if not combining:
        raise VersionsError(
            f"{_WHERE}: combining_parameters names no parameter to combine. "
            'Give them, for example combining_parameters=["learning_rate"].'
        )
    combinations = list(itertools.product(*(_choices(key, given) for key in combining)))
    if names is None:
        names = [
            name_from_values((key, _value_text(value)) for key, value in zip(combining, values, strict=True))
            for values in combinations
        ]
    if len(names) != len(combinations):
        raise VersionsError(
            f"{_WHERE}: {len(names)} names for {len(combinations)} combinations. "
            f"Give {len(combinations)}, or none: then they are named from their values."
        )
    for name, values in zip(names, combinations, strict=True):
        yield name, {**given, **dict(zip(combining, values, strict=True))}


def _choices(key: str, given: Version) -> list[Any]:
    """What a combined parameter may be; a single value counts as a list of one."""
    if key not in given:
        raise VersionsError(
            f'{_WHERE}: "{key}" is to be combined but is not among the parameters: {listed(given)}.'
            f"{did_you_mean(key, given)}"
        )
    values = given[key]
    choices = list(values) if isinstance(values, list | tuple | range) else [values]
    if not choices:
        raise VersionsError(f'{_WHERE}: "{key}" has no values to combine.')
    return choices


def _value_text(value: object) -> str:
    try:
        return value_text(as_json(value, ""))
    except NotJson:
        return qualified_name(value if hasattr(value, "__qualname__") else type(value))
