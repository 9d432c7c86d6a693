"""Launches of the daemon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlpipeline.domain.fields import text


@dataclass(frozen=True, kw_only=True)
class Launch:
    """One launch of a host's daemon, its times in ISO 8601 by the clock of that host."""

    id: str
    host: str
    began_at: str
    #: When it last recorded something.
    heard_at: str
    #: When it came to its end; None for one that runs, or died.
    ended_at: str | None = None

    @classmethod
    def of_event(cls, event: Mapping[str, Any], at: str) -> Launch:
        """Return the launch that a line of a history tells; `at` is when.

        Raises:
            KeyError, TypeError: it lacks something, or has something of another type.
        """
        return cls(id=text(event, "launch"), host=text(event, "host"), began_at=at, heard_at=at)
