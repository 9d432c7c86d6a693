"""The fields of a line of a history, each of the type that it must have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlpipeline.domain.complaints import wrong_value


def text(event: Mapping[str, Any], key: str) -> str:
    """Return a text.

    Raises:
        KeyError: there is no such field.
        TypeError: it is none.
    """
    value = event[key]
    if not isinstance(value, str):
        raise _wrong(key, value, "a text")
    return value


def text_or_none(event: Mapping[str, Any], key: str) -> str | None:
    """Return a text, or None where there is none; see `text`."""
    return None if event.get(key) is None else text(event, key)


def texts(event: Mapping[str, Any], key: str) -> list[str]:
    """Return a list of texts; see `text`."""
    value = event[key]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _wrong(key, value, "a list of texts")
    return value


def flag(event: Mapping[str, Any], key: str) -> bool:
    """Return true or false; see `text`."""
    value = event[key]
    if not isinstance(value, bool):
        raise _wrong(key, value, "true or false")
    return value


def number(event: Mapping[str, Any], key: str) -> float:
    """Return a number; see `text`."""
    value = event[key]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _wrong(key, value, "a number")
    return value


def _wrong(key: str, value: object, expected: str) -> TypeError:
    return TypeError(wrong_value(key, value, expected))
