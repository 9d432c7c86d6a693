"""`mlpipeline runs`: a row for each run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from mlpipeline.domain.facts import USUAL_COLUMNS, facts
from mlpipeline.domain.states import Outcome
from mlpipeline.domain.words import counted
from mlpipeline.views.observed import ObservedRun, is_trouble
from mlpipeline.views.screens import Color, Painted, Screen
from mlpipeline.views.tables import GAP, Cell, cut, display_width, table
from mlpipeline.views.words import achieved, duration, moment, moment_to_minute, one_line, value

_COLORS = {
    Outcome.SUCCEEDED: Color.GOOD,
    Outcome.FAILED: Color.BAD,
    Outcome.LOST: Color.BAD,
    Outcome.STOPPED: Color.NOTICE,
}
_USUAL = tuple((name, name) for name in USUAL_COLUMNS)
#: As much of its last column as a line should have room for, and as it must, in columns of a terminal.
_ENOUGH, _LEAST = 24, 10


def runs_table(
    runs: Sequence[ObservedRun],
    screen: Screen,
    columns: Sequence[tuple[str, str]] = _USUAL,
    *,
    now: float | None = None,
    more: int = 0,
) -> str:
    """Return runs as a table; on a terminal each has one line, if what stands before its last column leaves room.

    Args:
        runs: in the order in which they are shown.
        screen: that it is for.
        columns: what is shown of each, see `domain.filters.columns`.
        now: in seconds since the epoch; None where times are to have their date and seconds on a terminal, too.
        more: how many further ones there are; said on a terminal only.
    """
    if not runs:
        return "no runs yet"
    # Where all failed, nothing was achieved.
    renamed = {"results": "error"} if all(map(is_trouble, runs)) else {}
    names = [renamed.get(name, one_line(name)) for name, _ in columns]
    known = [fact for _, fact in columns]
    if screen.width is None:
        return table(names, _rows(runs, known, {}), screen)
    short = {} if now is None else _short_moments(now)
    rows = _rows(runs, known, short)
    cut_rows = _cut(names, rows, screen.width, _ENOUGH) or _cut(
        names, _rows(runs, known, {**short, "outcome": _word_cell}), screen.width, _LEAST
    )
    further = f"\n\nand {more} more: -n {len(runs) + more} shows all" if more else ""
    return f"{table(names, cut_rows or rows, screen)}{further}"


def _rows(
    runs: Iterable[ObservedRun], known: Sequence[str], instead: Mapping[str, Callable[[ObservedRun], Cell]]
) -> list[list[Cell]]:
    return [
        [instead[fact](observed) if fact in instead else _cell(observed, fact) for fact in known] for observed in runs
    ]


def _short_moments(now: float) -> Mapping[str, Callable[[ObservedRun], Cell]]:
    return {
        "started": lambda observed: moment_to_minute(observed.run.started_at or observed.run.selected_at, now),
        "ended": lambda observed: moment_to_minute(observed.run.ended_at, now),
    }


def _word_cell(observed: ObservedRun) -> Cell:
    """Return how a run ended without why: the error, beside it, tells."""
    text, color = state_cell(observed)
    return (
        Painted(observed.run.outcome, color) if is_trouble(observed) and observed.run.outcome else Painted(text, color)
    )


def _cut(names: Sequence[str], rows: Sequence[Sequence[Cell]], width: int, least: int) -> list[list[Cell]] | None:
    """Return rows whose last cell is cut so that each has a line; None where fewer than `least` columns are left."""
    widths = [max(display_width(_text(cell)) for cell in column) for column in zip(names, *rows, strict=True)]
    room = width - sum(widths[:-1]) - len(GAP) * (len(widths) - 1)
    if room < min(least, widths[-1]):
        return None
    return [[*row[:-1], _shortened(row[-1], room)] for row in rows]


def _shortened(cell: Cell, room: int) -> Cell:
    text = cut(_text(cell), room)
    return Painted(text, cell.color) if isinstance(cell, Painted) else text


def _text(cell: Cell) -> str:
    return one_line(cell.text if isinstance(cell, Painted) else cell)


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
