"""The fields of a line of a history, each of the type that it must have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

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


def require_types(event: Mapping[str, Any]) -> None:
    """Let pass a line about a run whose fields, as far as it has them, are of the types that they must have.

    Raises:
        TypeError: one is not.
    """
    for key, value in event.items():
        expected = _OF_A_RUN.get(key)
        if expected is None or (value is None and expected.is_optional):
            continue
        # To Python, true and false are numbers.
        if not isinstance(value, expected.types) or (isinstance(value, bool) and bool not in expected.types):
            raise _wrong(key, value, expected.in_words)
        # NaN is not less than anything.
        if isinstance(value, (int, float)) and not abs(value) < _MOST:
            raise _wrong(key, value, expected.in_words)
    if event.get("after") is not None:
        require_types(event["after"])


#: What a column of an index holds, and more than anything lasts.
_MOST = 2**63


class _Expected(NamedTuple):
    in_words: str
    types: tuple[type, ...]
    is_optional: bool = False


_TEXT, _TEXT_OR_NONE = _Expected("a text", (str,)), _Expected("a text", (str,), True)
_WHOLE, _NUMBER_OR_NONE = _Expected("a whole number", (int,)), _Expected("a number", (int, float), True)
_OBJECT, _OBJECT_OR_NONE = _Expected("an object", (Mapping,)), _Expected("an object", (Mapping,), True)
_OF_A_RUN = {
    **dict.fromkeys(("name", "model", "version", "host", "launch", "identity", "start", "model_dir", "at"), _TEXT),
    **dict.fromkeys(("started_at", "outcome", "by"), _TEXT),
    **dict.fromkeys(("previous", "code", "handle", "failure", "error", "place", "note", "retry_at"), _TEXT_OR_NONE),
    **dict.fromkeys(("seed", "pid", "attempt"), _WHOLE),
    **dict.fromkeys(("seconds", "since_boot"), _NUMBER_OR_NONE),
    "parameters": _OBJECT,
    "results": _OBJECT_OR_NONE,
    "after": _OBJECT_OR_NONE,
}


def _wrong(key: str, value: object, expected: str) -> TypeError:
    return TypeError(wrong_value(key, value, expected))
