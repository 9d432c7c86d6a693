"""Which versions of a model are best, and by which of their results."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from mlpipeline.domain.facts import flat, numbers
from mlpipeline.domain.measures import Measure
from mlpipeline.domain.runs import Run

#: What a result is called that says more than the others: it is of data that was not trained on.
_TELLING = ("test", "val", "valid", "validation", "eval", "dev", "holdout")


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """The runs of one model, the best first."""

    model: str
    #: What they are ranked by; None where nothing is known to be better: they are the newest first then.
    measure: Measure | None
    #: The latest run of each version.
    runs: Sequence[Run]

    @property
    def differing(self) -> list[str]:
        """The names of the parameters that are not the same in all of its runs, dotted where they are nested."""
        of_runs = [flat(run.parameters) for run in self.runs]
        names = dict.fromkeys(name for parameters in of_runs for name in parameters)
        absent = object()
        return [
            name
            for name in names
            if any(parameters.get(name, absent) != of_runs[0].get(name, absent) for parameters in of_runs[1:])
        ]


def rankings(runs: Iterable[Run], wanted: Measure | None) -> list[Ranking]:
    """Return the versions of each model in order, models in the order of their first runs.

    Args:
        runs: that succeeded, oldest first; of a version that ran more than once, the latest counts.
        wanted: what to rank by, dotted where it is nested; where no run of a model has it, and for None, the first
            of its results that a better direction is known of, those on data that was not trained on first.
    """
    by_model: dict[str, dict[str, Run]] = {}
    for run in runs:
        by_model.setdefault(run.model, {})[run.version] = run
    return [_ranking(model, list(latest.values()), wanted) for model, latest in by_model.items()]


def _ranking(model: str, runs: Sequence[Run], wanted: Measure | None) -> Ranking:
    has_wanted = wanted is not None and any(result_of(run, wanted) is not None for run in runs)
    measure = wanted if has_wanted else _own_measure(runs)
    newest_first = runs[::-1]
    if measure is None:
        return Ranking(model=model, measure=None, runs=newest_first)
    return Ranking(model=model, measure=measure, runs=sorted(newest_first, key=lambda run: _rank(run, measure)))


def _own_measure(runs: Iterable[Run]) -> Measure | None:
    names = dict.fromkeys(name for run in runs for name in numbers(run.results))
    known = [measure for measure in map(Measure.parse, names) if measure.is_lower_better is not None]
    return min(known, key=lambda measure: not _is_telling(measure.name), default=None)


def _is_telling(name: str) -> bool:
    return name.lower().replace(".", "_").replace("/", "_").split("_")[0] in _TELLING


def _rank(run: Run, measure: Measure) -> tuple[bool, float]:
    number = result_of(run, measure)
    # Only a float can be NaN, and an int may be too large to become one.
    if number is None or (isinstance(number, float) and math.isnan(number)):
        return (True, 0.0)
    return (False, number if measure.is_lower_better else -number)


def result_of(run: Run, measure: Measure) -> float | None:
    """Return the number that a run is ranked by; None where it has none."""
    return numbers(run.results).get(measure.name)


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a result is a number to compare."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
