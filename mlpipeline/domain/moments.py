"""Moments, as the record has them: ISO 8601 with their offset."""

from __future__ import annotations

from datetime import datetime


def epoch_s(at: str | None) -> float | None:
    """Return a time in seconds since the epoch; None where there is none, or nobody can tell which it is.

    Args:
        at: ISO 8601; of a record that somebody else wrote, it may be anything.
    """
    try:
        return None if at is None else datetime.fromisoformat(at).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
