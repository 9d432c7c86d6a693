"""The time of day as it is written down, and time that nobody can set."""

from __future__ import annotations

import functools
import time
from datetime import UTC, datetime, timedelta, tzinfo


def timestamp() -> str:
    """Return the local time with its offset, ISO 8601 in milliseconds, for programs."""
    return datetime.now().astimezone().isoformat(timespec="milliseconds")


def log_time() -> str:
    """Return the local time to the second, for people."""
    return datetime.now().strftime("%Y-%m-%d %H:%M:%S")


def since_boot() -> float:
    """Return how long this machine has been awake since it was started, in seconds: for all processes the same."""
    return time.monotonic()


@functools.cache
def boot_id() -> str:
    """Return what tells this boot of the machine from any other."""
    from pathlib import Path

    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        import psutil

        return f"boot-{int(psutil.boot_time())}"


class LocalZone(tzinfo):
    """The zone of this machine with all changes of its offset; `datetime.astimezone()` keeps but one offset."""

    def utcoffset(self, at: datetime | None) -> timedelta | None:
        """Return the offset at a local time."""
        return None if at is None else at.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, _at: datetime | None) -> None:
        """Return nothing: which part of the offset is for the summer is not known."""

    def tzname(self, at: datetime | None) -> str | None:
        """Return what the zone is called at a local time, such as `CET`."""
        return None if at is None else at.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, at: datetime) -> datetime:
        """Return the local time for one that is in UTC."""
        there = at.replace(tzinfo=UTC).astimezone()
        local = there.replace(tzinfo=self)
        # In autumn there are two of the same name.
        return local if local.utcoffset() == there.utcoffset() else local.replace(fold=1)
