"""How the versions of models stand: how the latest run of each ended."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import NamedTuple

from mlpipeline.domain.names import version_key
from mlpipeline.domain.states import Failure, Outcome
from mlpipeline.history.ledger import Ledger

#: Looked up by the id of each: fewer are the latest of their version than there are runs of a model.
_LATEST = """
id IN (SELECT id FROM latest) AND +model IN (SELECT value FROM json_each(?)) AND NOT is_open AND NOT is_withdrawn
"""
#: Of most, there is nothing to tell but that: to read the records of thousands takes longer than all else.
_SUCCEEDED = f"SELECT selected_at, model, version, id FROM runs WHERE {_LATEST} AND outcome = 'succeeded'"
_OTHERS = f"WHERE {_LATEST} AND outcome IS NOT 'succeeded'"


class Ended(NamedTuple):
    """The latest run of a version, which is over."""

    selected_at: str
    #: `model:version`.
    key: str
    id: str
    outcome: Outcome | None
    failure: Failure | None = None
    error: str | None = None


def ended_of_models(ledger: Ledger, models: Collection[str]) -> list[Ended]:
    """Return how the latest run of each version of these models ended, of those that are over, oldest first."""
    asked = json.dumps(sorted(models))
    succeeded = [
        Ended(selected_at, version_key(model, version), run_id, Outcome.SUCCEEDED)
        for selected_at, model, version, run_id in ledger.rows(_SUCCEEDED, asked)
    ]
    others = [
        Ended(run.selected_at, run.key, run.id, run.outcome, run.failure, run.error)
        for run in ledger.runs(_OTHERS, asked)
    ]
    return sorted([*succeeded, *others], key=lambda ended: ended.selected_at)
