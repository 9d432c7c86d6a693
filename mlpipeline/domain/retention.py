"""What may be deleted of what runs left: what no rule keeps, and nothing needs any more."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mlpipeline.domain.facts import numbers
from mlpipeline.domain.measures import Measure
from mlpipeline.domain.quantities import duration_in_words
from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import Outcome


class Kind(StrEnum):
    """What lies in an outputs folder and may be deleted."""

    #: The model dir of a version.
    MODEL_DIR = "model_dir"
    #: What a run that started clean found in its model dir, and renamed.
    OLD_MODEL_DIR = "old_model_dir"
    #: The record of a run.
    RUN_DIR = "run_dir"
    #: Project code as it was when runs started.
    CODE = "code"
    #: What a launch found around it.
    ENVIRONMENT = "environment"
    #: What nobody will look at again: of runs that never began, of writers that died, of a `gc` that was killed.
    LEFTOVER = "leftover"


@dataclass(frozen=True, kw_only=True)
class Best:
    """Keeps the best versions of each model."""

    count: int
    #: A result, of which it is known whether less is better.
    by: Measure


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What is kept; what none of the rules that were given keeps may go."""

    #: Keeps the runs that ended no longer ago, in seconds.
    older_than_s: float | None = None
    #: Keeps so many of the latest runs of each version.
    keep: int | None = None
    best: Best | None = None
    #: Whether also that may go which versions need to be resumed or tried again.
    is_unfinished_too: bool = False

    @property
    def are_any(self) -> bool:
        """Whether any was given: without, nothing of any run goes."""
        return not (self.older_than_s is None and self.keep is None and self.best is None)


class Need(StrEnum):
    """Why a model dir stays though no rule keeps it."""

    #: A run uses it.
    IN_USE = "in use"
    #: Its version did not succeed, and goes on there.
    UNFINISHED = "unfinished"
    #: The model dir of another version lies in it, and stays.
    HOLDS_OTHERS = "holds others"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What may go, and why."""

    #: Model dirs, each with the run dir of the latest run in it, which says how far that came.
    model_dirs: Mapping[str, str]
    #: The ids of further runs, whose run dirs may go.
    runs: Mapping[str, str]
    #: The ids of runs that started clean: what they set aside may go.
    replaced: Mapping[str, str]
    #: Model dirs that stay.
    needed: Mapping[str, Need]


def choose(
    pasts: Mapping[str, Sequence[Run]], rules: Rules, *, busy: Collection[str], age_s: Callable[[Run], float]
) -> Choice:
    """Return what may go.

    Args:
        pasts: the runs in each model dir, newest first, and none that was withdrawn.
        rules: that were given.
        busy: the model dirs that somebody holds, whatever the runs in them say.
        age_s: how long ago a run ended, in seconds.
    """
    ranks = _ranks(pasts, rules.best) if rules.best else {}
    resumed = {run.previous for runs in pasts.values() for run in runs if run.is_open}
    model_dirs: dict[str, str] = {}
    further: dict[str, str] = {}
    replaced: dict[str, str] = {}
    needed: dict[str, Need] = {}
    for model_dir, runs in pasts.items():
        whys = {run.id: _why(place, runs, rules, ranks, age_s) for place, run in enumerate(runs)}
        may_go = {run_id: why for run_id, why in whys.items() if why is not None}
        latest = runs[0]
        is_done = latest.outcome is Outcome.SUCCEEDED or rules.is_unfinished_too
        is_in_use = model_dir in busy or any(run.is_open for run in runs)
        if model_dir not in busy:
            further |= {run_id: why for run_id, why in may_go.items() if run_id not in {latest.id, *resumed}}
        if is_done and not is_in_use:
            replaced |= may_go
        if len(may_go) < len([run for run in runs if not run.is_open]) or not may_go:
            continue
        if is_in_use:
            needed[model_dir] = Need.IN_USE
        elif not is_done:
            needed[model_dir] = Need.UNFINISHED
        else:
            model_dirs[model_dir] = may_go[latest.id]
    # Those that a claim alone tells of count as well.
    staying = {*pasts, *busy} - model_dirs.keys()
    for outer in {parent for name in staying for parent in parents(name)} & model_dirs.keys():
        needed[outer] = Need.HOLDS_OTHERS
        del model_dirs[outer]
    return Choice(model_dirs=model_dirs, runs=further, replaced=replaced, needed=needed)


def parents(name: str) -> Iterator[str]:
    """Yield the folders that `name`, a path of several parts, lies in: `a` and `a/b` of `a/b/c`."""
    parts = name.split("/")
    for depth in range(1, len(parts)):
        yield "/".join(parts[:depth])


def newest_first(runs: Sequence[Run]) -> list[Run]:
    """Return the runs in a model dir, each before the one that it found there: hosts may have different clocks.

    Args:
        runs: in it, oldest first by the clocks.
    """
    by_id = {run.id: run for run in runs}
    followed = {run.previous for run in runs}
    at = next((run.id for run in reversed(runs) if run.id not in followed), None)
    ordered: dict[str, Run] = {}
    while at is not None and at in by_id and at not in ordered:
        ordered[at] = by_id[at]
        at = by_id[at].previous
    # What two daemons begin without a claim between them, such as in a synced folder, is in no such order.
    return [*ordered.values(), *(run for run in reversed(runs) if run.id not in ordered)]


def _why(
    place: int, runs: Sequence[Run], rules: Rules, ranks: Mapping[str, int], age_s: Callable[[Run], float]
) -> str | None:
    """Return why the run at `place` of those in a model dir may go; None where it is kept, or still to end."""
    run, latest = runs[place], runs[0]
    if run.is_open or not rules.are_any:
        return None
    whys = []
    if rules.keep is not None:
        if place < rules.keep:
            return None
        whys.append(f"not {_among('latest', rules.keep)}")
    if rules.best is not None:
        rank = ranks.get(latest.model_dir)
        # What has no such result is no worse than the others, for all that is known.
        is_to_stay = latest.outcome is Outcome.SUCCEEDED or not rules.is_unfinished_too
        if is_to_stay if rank is None else rank < rules.best.count:
            return None
        whys.append(f"not {_among('best', rules.best.count)}")
    if rules.older_than_s is not None:
        age = age_s(run)
        if age <= rules.older_than_s:
            return None
        whys.append(f"ended {duration_in_words(age)} ago")
    return ", ".join(whys)


def _among(which: str, count: int) -> str:
    return f"the {which}" if count == 1 else f"among the {which} {count}"


def _ranks(pasts: Mapping[str, Sequence[Run]], best: Best) -> dict[str, int]:
    """Return which place each model dir has among those of its model, from 0; what has no such result has none."""
    by_model: dict[str, list[tuple[float, str]]] = {}
    for model_dir, runs in sorted(pasts.items(), key=lambda past: past[1][0].selected_at, reverse=True):
        values = (_value(run, runs[0], best.by.name) for run in runs)
        value = next((value for value in values if value is not None), None)
        if value is not None:
            by_model.setdefault(runs[0].model, []).append((value if best.by.is_lower_better else -value, model_dir))
    return {
        model_dir: rank
        for ranked in by_model.values()
        # Of equals the newest comes first.
        for rank, (_, model_dir) in enumerate(sorted(ranked, key=lambda pair: pair[0]))
    }


def _value(run: Run, latest: Run, name: str) -> float | None:
    """Return a run's result, if it tells how good what lies in the model dir is."""
    value = numbers(run.results).get(name)
    # Of other code or parameters, the checkpoints are gone from there.
    is_told = run.outcome is Outcome.SUCCEEDED and run.identity == latest.identity
    # A whole number may be too large for `math.isnan`.
    return value if is_told and not (isinstance(value, float) and math.isnan(value)) else None
