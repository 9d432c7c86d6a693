"""Messages about values that are not what they should be: where they stand, what they are, and what was expected."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, time

from mlpipeline.errors import MlpipelineError

#: Makes the error to raise from its message, which it leads with the name of the file.
Complain = Callable[[str], MlpipelineError]

_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "a truth value"),  # before int, which bool is a kind of
    (str, "a text"),
    ((int, float), "a number"),
    ((datetime, date, time), "a date or time"),
    (list, "a list"),
    (dict, "a table"),
)


def shown(value: object) -> str:
    """Return a TOML value as one short line, much as its user wrote it."""
    text = repr(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:59]}…"


def wrong_value(where: str, value: object, expected: str) -> str:
    """Return the message for a value of the wrong type or range at the key `where`."""
    kind = next((name for types, name in _KINDS if isinstance(value, types)), type(value).__name__)
    return f"{where} = {shown(value)} is {kind}; expected {expected}."
