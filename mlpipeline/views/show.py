"""`mlpipeline show`: everything about one run on one screen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlpipeline.domain.causes import Cause
from mlpipeline.domain.comparing import MISSING, Row, rows
from mlpipeline.domain.conditions import Conditions
from mlpipeline.domain.curves import Curve, is_drawn
from mlpipeline.domain.states import Start
from mlpipeline.domain.words import named
from mlpipeline.executors.how import LEARNING
from mlpipeline.project.paths import Outputs
from mlpipeline.views.causes import cause_text
from mlpipeline.views.conditions import conditions_in_words
from mlpipeline.views.details import AttemptTold, Details
from mlpipeline.views.listing import state_cell
from mlpipeline.views.observed import is_trouble
from mlpipeline.views.pace import pace_in_words, rate_in_words
from mlpipeline.views.programs import run_for_programs
from mlpipeline.views.screens import Color, Painted, Screen
from mlpipeline.views.sparklines import sparkline
from mlpipeline.views.tables import Cell, paragraph, table
from mlpipeline.views.words import distinct_values, duration, moment, one_line, roughly, value

#: How many lines of what a run that failed printed last are shown.
_OUTPUT_LINES = 10
#: How many of the files that changed are named.
_FILES_NAMED = 5
#: How wide a curve is.
_CURVE_WIDTH = 24
_HOW = {Start.CLEAN: "clean", Start.RESUME: "resumed", Start.AGAIN: "called again"}


def show_screen(details: Details, outputs: Outputs, screen: Screen) -> str:
    """Return all that is known of a run: first why it failed, if it did, then what it was and what it achieved."""
    parts = []
    if is_trouble(details.observed):
        cause = Cause(runs=[details.run])
        parts.append(cause_text(cause, outputs, screen, output_lines=_OUTPUT_LINES))
    parts.append(paragraph(_facts(details), screen))
    if len(details.attempts) > 1:
        parts.append(_attempts_part(details.attempts, screen))
    if details.run.parameters:
        parts.append(_parameters_part(details, screen))
    if details.run.results or details.success:
        parts.append(_results_part(details, screen))
    if details.metrics:
        parts.append(_metrics_part(details, screen))
    parts.append(paragraph(_origin(details, outputs), screen))
    return "\n\n".join(filter(None, parts))


def _facts(details: Details) -> Iterator[tuple[str, Cell]]:
    run = details.run
    yield "version", Painted(run.key, Color.STRONG)
    yield "run", f"{run.id} on {run.host}"
    yield "state", state_cell(details.observed)
    yield "why", details.observed.why or ""
    yield "started", moment(run.started_at)
    yield "ended", moment(run.ended_at)
    parts = ", ".join(f"{part} {duration(seconds)}" for part, seconds in details.timings.items())
    took = duration(run.seconds if run.seconds is not None else details.observed.elapsed_s)
    yield "time", f"{took} ({parts})" if parts and took else took
    yield "progress", _progress(details)
    yield "began", _began(details)
    yield "process", _process(details.attempts[-1].how) if len(details.attempts) == 1 else ""
    yield "gpus", ", ".join(str(index) for index in (details.spec.get("gpus") or {}).values())
    yield "conditions", _conditions(details.spec)
    yield "note", run.note or ""
    if not details.has_record:
        yield "record", Painted("its run dir is gone; this is what history knows", Color.NOTICE)


def _process(how: str | None) -> str:
    """Return how a process was started; nothing where that is how every script's first is."""
    return "" if how is None or how == LEARNING else how


def _progress(details: Details) -> str:
    pace = details.observed.pace
    if pace is None:
        return ", ".join(f"{loop.done} of {loop.of}" for loop in details.progress)
    left = "" if pace.left_s is None else f"{roughly(pace.left_s)} left"
    return ", ".join(filter(None, (pace_in_words(pace), rate_in_words(pace.rate), left)))


def _began(details: Details) -> str:
    run = details.run
    before = f"attempt {run.past[-1].attempt}" if run.past else run.previous
    after = f" after {before}" if before and run.start is not Start.CLEAN else ""
    return f"{_HOW[run.start]}{after}, seed {run.seed}"


def _conditions(spec: Mapping[str, Any]) -> str:
    # Of a record that somebody else wrote, anything may be expected.
    try:
        return conditions_in_words(Conditions.from_json(spec.get("conditions", {})))
    except (TypeError, ValueError, KeyError, AttributeError):
        return ""


def _attempts_part(attempts: Sequence[AttemptTold], screen: Screen) -> str:
    cells: list[list[Cell]] = [
        [
            str(attempt.number),
            attempt.in_words,
            moment(attempt.started_at),
            duration(attempt.seconds),
            _process(attempt.how),
            attempt.error or "",
        ]
        for attempt in attempts
    ]
    return table(("attempt", "end", "started", "time", "process", "error"), cells, screen)


def _parameters_part(details: Details, screen: Screen) -> str:
    changed = {row.name: row for row in details.changes.parameters} if details.changes else {}
    if not changed:
        return _two_columns("parameters", rows([details.run.parameters]), screen)
    assert details.changes is not None
    both = rows([details.run.parameters, details.changes.before.parameters])
    cells: list[list[Cell]] = [[row.name, *_now_and_before(row, row.name in changed)] for row in both]
    return table(("parameters", "", f"before ({details.changes.before.id})"), cells, screen)


def _results_part(details: Details, screen: Screen) -> str:
    if details.success is None:
        return _two_columns("results", rows([details.run.results]), screen)
    both = rows([details.run.results, details.success.results])
    cells: list[list[Cell]] = [[row.name, *_results(row)] for row in both]
    return table(("results", "", f"last success ({details.success.id})"), cells, screen)


def _two_columns(heading: str, things: Sequence[Row], screen: Screen) -> str:
    return table((heading, ""), [[row.name, value(row.values[0])] for row in things], screen)


def _results(row: Row) -> list[Cell]:
    best, texts = row.best(), distinct_values(row.values)
    return [Painted(text, Color.GOOD) if index in best else text for index, text in enumerate(texts)]


def _now_and_before(row: Row, is_changed: bool) -> list[Cell]:
    now, before = distinct_values(row.values)
    return [Painted(now, Color.NOTICE), before] if is_changed else [now, ""]


def _metrics_part(details: Details, screen: Screen) -> str:
    cells: list[list[Cell]] = [_metric_cells(curve) for curve in details.metrics.values()]
    note = "\n(of a sample: there are too many to read them all)" if details.is_sampled else ""
    return table(("metrics", "last", "lowest", "highest", "step", "curve"), cells, screen) + note


def _metric_cells(curve: Curve) -> list[Cell]:
    finite = [point.y for point in curve.points if is_drawn(point.y)]
    bounds = [value(min(finite)), value(max(finite))] if finite else ["", ""]
    is_finite = math.isfinite(curve.last.y)
    last: Cell = value(curve.last.y) if is_finite else Painted(value(curve.last.y), Color.BAD)
    step = f"{curve.last.x:g}" if curve.is_by_step else ""
    return [curve.name, last, *bounds, step, sparkline(curve.name, curve.points, _CURVE_WIDTH)]


def _origin(details: Details, outputs: Outputs) -> Iterator[tuple[str, Cell]]:
    run, environment = details.run, details.environment
    yield "since before", _changed(details)
    yield "code", one_line(str(outputs.code(run.code))) if run.code else ""
    dirty = {None: "", True: ", with changes that were not committed", False: ""}[environment.is_dirty]
    yield "commit", f"{environment.commit}{dirty}" if environment.commit else ""
    yield "python", (environment.python or "").partition(" ")[0]
    yield "packages", f"{len(environment.packages)}" if environment.packages else ""
    yield "launched by", environment.command or run.launch
    yield "model dir", str(outputs.model_dir(run.model_dir))
    run_dir = outputs.run_dir(run.name)
    yield "run dir", str(run_dir.path) if details.has_record else ""
    output = run_dir.attempt(run.attempt).output
    yield "output", str(output) if output.exists() else ""


def _changed(details: Details) -> str:
    if details.changes is None:
        return ""
    before, files = details.changes.before, details.changes.files
    names = [one_line(row.name) for row in details.changes.parameters]
    told = [f"parameters {', '.join(names)}"] if names else []
    if files is None:
        is_same_identity = before.identity == details.run.identity
        told.append("whether code changed is not known" if is_same_identity else "code or parameters changed")
    elif files:
        told.append(f"code {named([one_line(file) for file in files], _FILES_NAMED)}")
    how = before.outcome_in_words if before.outcome else before.state
    return f"{'; '.join(told) or 'no change of code or parameters'} (since {before.id}, {how})"


def show_for_programs(details: Details, outputs: Outputs) -> dict[str, Any]:
    """Return what `show --json` prints; keys are only ever added."""
    run, environment, changes = details.run, details.environment, details.changes
    return {
        "run": run_for_programs(details.observed, outputs),
        "place": run.place,
        "note": run.note,
        "seed": run.seed,
        "start": run.start,
        "identity": run.identity,
        "attempts": [_attempt_for_programs(attempt) for attempt in details.attempts],
        "progress": [{"done": loop.done, "of": loop.of} for loop in details.progress],
        "timings": dict(details.timings),
        "conditions": details.spec.get("conditions"),
        "previous": run.previous,
        "changes": None
        if changes is None
        else {
            "parameters": {row.name: _before_and_now(row) for row in changes.parameters},
            "files": None if changes.files is None else list(changes.files),
        },
        "last_success": None
        if details.success is None
        else {"id": details.success.id, "results": dict(details.success.results)},
        "metrics": {name: _curve_for_programs(curve) for name, curve in details.metrics.items()},
        "metrics_sampled": details.is_sampled,
        "code": str(outputs.code(run.code)) if run.code else None,
        "launch": run.launch,
        "command": environment.command,
        "python": environment.python,
        "platform": environment.platform,
        "packages": dict(environment.packages),
        "git": None if environment.commit is None else {"commit": environment.commit, "dirty": environment.is_dirty},
        "output": str(outputs.run_dir(run.name).attempt(run.attempt).output),
        "recorded": details.has_record,
    }


def _before_and_now(row: Row) -> dict[str, Any]:
    before, now = (None if thing is MISSING else thing for thing in row.values)
    return {"before": before, "now": now}


def _attempt_for_programs(attempt: AttemptTold) -> dict[str, Any]:
    return {"attempt": attempt.number, **{key: thing for key, thing in vars(attempt).items() if key != "number"}}


def _curve_for_programs(curve: Curve) -> dict[str, Any]:
    finite = [point.y for point in curve.points if is_drawn(point.y)]
    return {
        "last": curve.last.y if math.isfinite(curve.last.y) else None,
        "step": curve.last.x if curve.is_by_step else None,
        "min": min(finite, default=None),
        "max": max(finite, default=None),
        "count": len(curve.points),
    }
