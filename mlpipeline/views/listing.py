"""`mlpipeline runs`: a row for each run."""

from __future__ import annotations

from collections.abc import Sequence

from mlpipeline.domain.states import Outcome
from mlpipeline.views.observed import ObservedRun
from mlpipeline.views.screens import Color, Painted, Screen
from mlpipeline.views.tables import Cell, table
from mlpipeline.views.words import achieved, duration, moment

_COLORS = {
    Outcome.SUCCEEDED: Color.GOOD,
    Outcome.FAILED: Color.BAD,
    Outcome.LOST: Color.BAD,
    Outcome.STOPPED: Color.NOTICE,
}


def runs_table(runs: Sequence[ObservedRun], screen: Screen) -> str:
    """Return runs, newest first, as a table."""
    if not runs:
        return "no runs yet"
    rows: list[list[Cell]] = [
        [
            observed.run.id,
            observed.run.key,
            state_cell(observed),
            moment(observed.run.started_at or observed.run.selected_at),
            duration(observed.run.seconds),
            _said(observed),
        ]
        for observed in runs
    ]
    return table(("run", "version", "outcome", "started", "time", "results"), rows, screen)


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
