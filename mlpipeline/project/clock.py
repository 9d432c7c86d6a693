"""The time of day as it is written down."""

from __future__ import annotations

from datetime import datetime


def timestamp() -> str:
    """Return the local time with its offset, ISO 8601 in milliseconds, for programs."""
    return datetime.now().astimezone().isoformat(timespec="milliseconds")


def log_time() -> str:
    """Return the local time to the second, for people."""
    return datetime.now().strftime("%Y-%m-%d %H:%M:%S")
