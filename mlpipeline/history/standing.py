"""How the versions of models stand: the latest run of each."""

from __future__ import annotations

from collections.abc import Collection

from mlpipeline.domain.runs import Run
from mlpipeline.history.ledger import Ledger

#: Of the runs that are over; those that are not have a table of their own, and are few.
_LATEST = """
WHERE model = ? AND NOT is_open AND NOT is_withdrawn AND id IN (SELECT id FROM latest)
ORDER BY selected_at, number
"""


def latest_of_models(ledger: Ledger, models: Collection[str]) -> list[Run]:
    """Return the latest run of each version of these models, and all that are still to end, oldest first."""
    ended = [run for model in sorted(models) for run in ledger.runs(_LATEST, model)]
    return [*ended, *(run for run in ledger.open_runs() if run.model in models)]
