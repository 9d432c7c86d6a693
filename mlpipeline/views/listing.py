"""`mlpipeline runs`: a row for each run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlpipeline.domain.facts import USUAL_COLUMNS, facts
from mlpipeline.domain.states import Outcome
from mlpipeline.domain.words import counted
from mlpipeline.views.observed import ObservedRun, is_trouble
from mlpipeline.views.screens import Color, Painted, Screen
from mlpipeline.views.tables import Cell, table
from mlpipeline.views.words import achieved, duration, moment, one_line, value

_COLORS = {
    Outcome.SUCCEEDED: Color.GOOD,
    Outcome.FAILED: Color.BAD,
    Outcome.LOST: Color.BAD,
    Outcome.STOPPED: Color.NOTICE,
}
_USUAL = tuple((name, name) for name in USUAL_COLUMNS)


def runs_table(
    runs: Sequence[ObservedRun],
    screen: Screen,
    columns: Sequence[tuple[str, str]] = _USUAL,
    *,
    has_more: bool = False,
) -> str:
    """Return runs as a table.

    Args:
        runs: in the order in which they are shown.
        screen: that it is for.
        columns: what is shown of each, see `domain.filters.columns`.
        has_more: whether there are further ones; said on a terminal only.
    """
    if not runs:
        return "no runs yet"
    rows = [[_cell(observed, fact) for _, fact in columns] for observed in runs]
    # Where all failed, nothing was achieved.
    renamed = {"results": "error"} if all(map(is_trouble, runs)) else {}
    shown = table([renamed.get(name, one_line(name)) for name, _ in columns], rows, screen)
    more = f"\n\nand more: -n {len(runs) * 2} shows twice as many" if has_more and screen.width is not None else ""
    return f"{shown}{more}"


def nothing_found(compared: Mapping[str, tuple[int, Any, Any]]) -> str:
    """Return that no run is as it was asked for.

    Args:
        compared: the facts by which runs were chosen: how many runs have one, and the lowest and the highest there is.
    """
    known = [
        f"{name} is known of {counted(count, 'run')}: from {value(least)} to {value(most)}"
        for name, (count, least, most) in compared.items()
        if count
    ]
    return "\n".join(["no such runs", *known])


def _cell(observed: ObservedRun, name: str) -> Cell:
    if name in _CELLS:
        return _CELLS[name](observed)
    fact = facts(observed.run).get(name)
    return "" if fact is None else value(fact)


def state_cell(observed: ObservedRun) -> Painted:
    """Return how a run is, or ended, and in which attempt if not the first, in its colour."""
    run = observed.run
    attempt = f", attempt {run.attempt}" if run.attempt > 1 else ""
    color = _COLORS[run.outcome] if run.outcome else Color.NOTICE if run.is_paused else Color.PLAIN
    return Painted(f"{observed.in_words}{attempt}", color)


def _said(observed: ObservedRun) -> str:
    """Return what there is to say of a run: the error of one that failed comes before what it achieved."""
    run = observed.run
    is_well = run.outcome in (None, Outcome.SUCCEEDED)
    said = (achieved(run), run.error) if is_well else (run.error, achieved(run))
    return next(filter(None, (*said, observed.why)), "")


#: What is not shown as it is compared.
_CELLS: Mapping[str, Callable[[ObservedRun], Cell]] = {
    "version": lambda observed: observed.run.key,
    "outcome": state_cell,
    "state": state_cell,
    "started": lambda observed: moment(observed.run.started_at or observed.run.selected_at),
    "ended": lambda observed: moment(observed.run.ended_at),
    "time": lambda observed: duration(observed.run.seconds),
    "seconds": lambda observed: duration(observed.run.seconds),
    "error": lambda observed: observed.run.error or "",
    "results": _said,
}
