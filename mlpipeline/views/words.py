"""Numbers, times and values as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any


def duration(seconds: float | None) -> str:
    """Return a duration: `41.2 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def ago(at: float, now: float) -> str:
    """Return how long ago `at` was, both in seconds since the epoch; a clock that was set back makes it `just now`."""
    seconds = now - at
    return "just now" if seconds < 5 else f"{duration(seconds)} ago"


def moment(at: str | None) -> str:
    """Return an ISO 8601 time as local date and time to the second."""
    if at is None:
        return ""
    try:
        return datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return at


def value(thing: Any) -> str:
    """Return a parameter or a result in few characters."""
    if isinstance(thing, float):
        return f"{thing:.4g}"
    return str(thing)


def values(things: Mapping[str, Any]) -> str:
    """Return parameters or results in one line: `accuracy=0.97 loss=0.1`."""
    return " ".join(f"{name}={value(thing)}" for name, thing in things.items())
