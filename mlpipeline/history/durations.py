"""How long runs took."""

from __future__ import annotations

from collections.abc import Iterable

from mlpipeline.domain.estimates import Durations
from mlpipeline.domain.states import Start
from mlpipeline.history.ledger import Ledger

#: How many of the latest whole runs of a model are looked at, of those that began alike.
_LATEST = 1000
_WHOLE = """
SELECT version, took_s FROM runs WHERE took_s IS NOT NULL AND model = ? AND first_start = ?
ORDER BY selected_at DESC LIMIT ?
"""


def past_durations(ledger: Ledger, models: Iterable[str]) -> Durations:
    """Return how long the latest whole runs of some models took."""
    of_versions: dict[tuple[str, str, Start], list[float]] = {}
    of_models: dict[tuple[str, Start], list[float]] = {}
    for model in set(models):
        for start in (Start.CLEAN, Start.AGAIN):
            found = ledger.rows(_WHOLE, model, start, _LATEST)
            if found:
                of_models[model, start] = [took_s for _, took_s in found]
            for version, took_s in found:
                of_versions.setdefault((model, version, start), []).append(took_s)
    return Durations(of_versions=of_versions, of_models=of_models)
