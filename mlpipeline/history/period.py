"""What histories tell of a period."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mlpipeline.domain.launches import Launch
from mlpipeline.domain.runs import Run
from mlpipeline.history.ledger import Ledger

#: Times are compared as text, each with the offset of its host: none is further behind UTC than this.
_FURTHEST_BEHIND = timedelta(hours=12)


def runs_since(ledger: Ledger, since: float) -> list[Run]:
    """Return the runs that were not over at a moment, in seconds since the epoch, or are not yet; oldest first."""
    return list(
        ledger.runs("WHERE NOT is_withdrawn AND (is_open OR ended_at >= ?) ORDER BY selected_at, number", since)
    )


def launches_since(ledger: Ledger, since: float) -> list[Launch]:
    """Return the launches that may not have been over at a moment, in seconds since the epoch, oldest first."""
    return ledger.launches((datetime.fromtimestamp(since, UTC) - _FURTHEST_BEHIND).isoformat())
