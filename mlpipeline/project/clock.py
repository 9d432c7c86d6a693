"""The time of day as it is written down, and time that nobody can set."""

from __future__ import annotations

import time
from datetime import datetime


def timestamp() -> str:
    """Return the local time with its offset, ISO 8601 in milliseconds, for programs."""
    return datetime.now().astimezone().isoformat(timespec="milliseconds")


def log_time() -> str:
    """Return the local time to the second, for people."""
    return datetime.now().strftime("%Y-%m-%d %H:%M:%S")


def since_boot() -> float:
    """Return how long this machine has been awake since it was started, in seconds: for all processes the same."""
    return time.monotonic()
