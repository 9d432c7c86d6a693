"""What histories tell of a period."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mlpipeline.domain.launches import Launch
from mlpipeline.domain.runs import Run
from mlpipeline.history.ledger import Ledger

#: Times are compared as text, each with the offset of its host: none is further behind UTC than this.
_FURTHEST_BEHIND = timedelta(hours=12)
_RUNS = "WHERE NOT is_withdrawn AND (is_open OR json_extract(record, '$.ended_at') >= ?) ORDER BY selected_at, number"


def runs_since(ledger: Ledger, since: datetime) -> list[Run]:
    """Return the runs that were not over at a moment, or are not yet, oldest first."""
    runs = ledger.runs(_RUNS, _text(since))
    return [run for run in runs if run.is_open or _is_after(run.ended_at, since)]


def launches_since(ledger: Ledger, since: datetime) -> list[Launch]:
    """Return the launches that may not have been over at a moment, oldest first."""
    return ledger.launches(_text(since))


def _text(since: datetime) -> str:
    return (since.astimezone(UTC) - _FURTHEST_BEHIND).isoformat()


def _is_after(at: str | None, since: datetime) -> bool:
    try:
        return at is not None and datetime.fromisoformat(at) >= since
    except (ValueError, TypeError):
        return False  # Not as it is written down: nobody knows when that was.
