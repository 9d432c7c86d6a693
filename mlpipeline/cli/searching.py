"""Which runs are asked for, as it is typed, and those that are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mlpipeline.domain.filters import Comparison, Filter
    from mlpipeline.domain.runs import Run
    from mlpipeline.history.ledger import Ledger


class Asked(NamedTuple):
    """What of the options of `runs` says which runs are listed, and how, as it was typed."""

    is_failed: bool
    models: tuple[str, ...]
    wheres: tuple[str, ...]
    since: str | None
    sort: str | None

    @property
    def is_any(self) -> bool:
        """Whether anything is asked for."""
        # A text that is empty, of a shell variable that is not set, is a mistake.
        return any(option not in (False, (), None) for option in self)


def asked_for(asked: Asked, ledger: Ledger, most: int) -> list[Run]:
    """Return the runs that are asked for, `most` at most.

    Raises:
        MlpipelineError: what is asked for cannot be understood.
    """
    from mlpipeline.history.search import search

    if not ledger.newest(1):
        return []  # No name means anything yet.
    _require_models(asked.models, ledger)
    return search(ledger, _filter(asked, ledger)._replace(most=most))


def how_many(asked: Asked, ledger: Ledger) -> int:
    """Return how many runs there are that are asked for."""
    from mlpipeline.history.search import count

    return count(ledger, _filter(asked, ledger))


def _filter(asked: Asked, ledger: Ledger) -> Filter:
    from mlpipeline.domain.filters import Filter, order
    from mlpipeline.history.search import names

    return Filter(
        models=asked.models,
        comparisons=_comparisons(asked.wheres, ledger),
        is_failed=asked.is_failed,
        since=None if asked.since is None else _moment(asked.since),
        order=order(asked.sort, names(ledger)) if asked.sort is not None else None,
    )


def wanted_columns(texts: tuple[str, ...], ledger: Ledger) -> list[tuple[str, str]]:
    """Return the columns that are asked for, see `domain.filters.columns`.

    Raises:
        FilterError: one of them no run has.
    """
    from mlpipeline.domain.filters import columns
    from mlpipeline.history.search import names

    return columns(texts, names(ledger))


def why_none(asked: Asked, ledger: Ledger) -> str:
    """Return that there are no such runs, and what there is of what was compared."""
    from mlpipeline.history.search import extent
    from mlpipeline.views.listing import nothing_found

    compared = {comparison.name for comparison in _comparisons(asked.wheres, ledger)}
    return nothing_found({name: extent(ledger, name) for name in sorted(compared)})


def _comparisons(wheres: tuple[str, ...], ledger: Ledger) -> list[Comparison]:
    from mlpipeline.domain.filters import comparison
    from mlpipeline.history.search import names

    return [comparison(where, names(ledger), _moment) for where in wheres]


def _moment(text: str) -> float:
    from datetime import UTC, datetime

    from mlpipeline.domain.since import since
    from mlpipeline.project.clock import LocalZone

    return since(text, datetime.now(UTC), LocalZone()).timestamp()


def _require_models(models: tuple[str, ...], ledger: Ledger) -> None:
    from mlpipeline.domain.filters import Filter
    from mlpipeline.domain.words import did_you_mean
    from mlpipeline.errors import FilterError
    from mlpipeline.history import search

    for model in models:
        if not search.search(ledger, Filter(models=[model], most=1)):
            near = did_you_mean(model, search.models(ledger))
            raise FilterError(f'--model "{model}": no run is of such a model.{near}')
