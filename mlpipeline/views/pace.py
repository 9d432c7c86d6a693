"""How far a run is at this moment, how fast it is, and for how long it has been at work."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from mlpipeline.domain.pace import Loop, Pace, Unit, begun_since, current_loop, pace_of, rate_of
from mlpipeline.domain.runs import Run
from mlpipeline.domain.words import counted
from mlpipeline.project.files import read_json
from mlpipeline.project.last_metrics import last_steps
from mlpipeline.project.paths import Outputs
from mlpipeline.project.progress import read_progress


class _Begun(NamedTuple):
    """When a worker began, in seconds since the epoch by the clock of its host, and since the boot of that."""

    at: float
    since_boot: float


def observe_pace(run: Run, outputs: Outputs, now: float) -> tuple[Pace | None, float | None]:
    """Return how far the attempt of a running run came, and for how long it has been at work, in seconds.

    The time for which it was paused is left out. Of a run on another host both are told by the clocks of two machines.

    Args:
        run: that runs.
        outputs: where its run dir is.
        now: in seconds since the epoch.
    """
    begun = _begun(read_json(outputs.run_dir(run.name).attempt(run.attempt).worker))
    return _pace(run, outputs, begun, now), None if begun is None else _elapsed_s(run, begun, now)


def _begun(worker: Any) -> _Begun | None:
    try:
        return _Begun(datetime.fromisoformat(worker["started_at"]).timestamp(), float(worker["since_boot"]))
    except (KeyError, TypeError, ValueError):
        return None


def _elapsed_s(run: Run, begun: _Begun, now: float) -> float:
    is_standing = run.is_paused and run.paused_since is not None
    until = run.paused_since - begun.since_boot if is_standing and run.paused_since is not None else now - begun.at
    return max(0.0, until - run.paused_s)


def _pace(run: Run, outputs: Outputs, begun: _Begun | None, now: float) -> Pace | None:
    attempt = outputs.run_dir(run.name).attempt(run.attempt)
    stages = current_loop(read_progress(attempt.stages))
    found = [(stages, Unit.STAGES)]
    for path, unit in ((attempt.epochs, Unit.EPOCHS), (attempt.progress, Unit.STEPS)):
        found.append((current_loop(begun_since(read_progress(path), stages)), unit))
    for loop, unit in reversed(found):
        if loop is not None:
            waited_s = _waited_s(loop, begun, now)
            return pace_of(loop, unit, paused_s=run.paused_s, is_paused=run.is_paused, waited_s=waited_s)
    return _pace_of_metrics(run, outputs, begun)


def _waited_s(loop: Loop, begun: _Begun | None, now: float) -> float:
    """Return how long ago the last step was done."""
    if loop.at is None or begun is None:
        return 0.0
    return now - (begun.at + loop.at - begun.since_boot)


def _pace_of_metrics(run: Run, outputs: Outputs, begun: _Begun | None) -> Pace | None:
    # The file goes on over all attempts; its times are of the clock that told when this one began.
    found = [
        (step, at) for step, at in last_steps(outputs.run_dir(run.name).metrics) if begun is not None and at >= begun.at
    ]
    if not found:
        return None
    (first, began), (last, at) = found[0], found[-1]
    # When it was paused is not known, so the time between two lines may hold any of that.
    rate = None if run.paused_s or run.is_paused else rate_of(last - first, at - began)
    return Pace(done=last, of=None, unit=Unit.STEP, rate=rate, left_s=None)


def pace_in_words(pace: Pace | None) -> str:
    """Return how far a run came: `1200 of 5000`, `2 of 5 stages`, `7 epochs`, `step 300`; nothing if nobody knows."""
    if pace is None:
        return ""
    if pace.unit is Unit.STEPS:
        return f"{pace.done} of {pace.of}"
    if pace.unit is Unit.STAGES:
        return f"{pace.done} of {counted(pace.of or 0, 'stage')}"
    return f"step {pace.done}" if pace.unit is Unit.STEP else counted(pace.done, "epoch")


def rate_in_words(rate: float | None) -> str:
    """Return how many a second, a minute or an hour: `35.2/s`, `12/min`; nothing where that is not known."""
    if rate is None:
        return ""
    for per_s, unit in ((1, "s"), (60, "min")):
        if rate * per_s >= 1:
            return f"{_number(rate * per_s)}/{unit}"
    return f"{_number(rate * 3600)}/h"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
