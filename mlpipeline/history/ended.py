"""How many runs ended, and how."""

from __future__ import annotations

from mlpipeline.domain.states import Outcome
from mlpipeline.history.ledger import Ledger

_ENDED = "SELECT outcome, count(*) FROM runs WHERE ended_at IS NOT NULL AND ended_at >= ? GROUP BY outcome"


def ended_since(ledger: Ledger, since: float) -> dict[Outcome, int]:
    """Return how many runs ended, on whatever host, by how they did; `since` is in seconds since the epoch."""
    counts = {Outcome(outcome): count for outcome, count in ledger.rows(_ENDED, since) if outcome is not None}
    return {outcome: counts.get(outcome, 0) for outcome in Outcome}
