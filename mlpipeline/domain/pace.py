"""How far a run came, how fast it is, and how long it will take for what is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

#: The rate of fewer steps than that may be far off.
_FEW = 5


class Loop(NamedTuple):
    """How far one counted loop of an attempt came; times are in seconds since the boot of its host."""

    done: int
    #: How many there are; None where nobody knows.
    of: int | None
    #: How many were done when its first step in this attempt had been done, when that was, and when the last of them
    #: was done. Until then, when it began: what a script does in its first step, it does not do again.
    first: int | None = None
    began: float | None = None
    at: float | None = None


class Unit(StrEnum):
    """What progress is counted in."""

    #: Steps of a `run.steps` loop that are done.
    STEPS = "steps"
    #: Stages of a pipeline that are done.
    STAGES = "stages"
    #: Epochs that a `MetricContainer` saw end in this attempt.
    EPOCHS = "epochs"
    #: The number of the step for which metrics were logged last.
    STEP = "step"


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How far an attempt came, and how fast."""

    done: int
    #: Of how many; None where nobody knows.
    of: int | None
    unit: Unit
    #: How many a second, in this attempt, without the time for which it was paused; None where that is not known yet.
    rate: float | None
    #: How long the rest takes at that rate, in seconds; None where it is not known, or the run is paused.
    left_s: float | None
    #: Whether that is told by so few steps that it may be far off.
    is_early: bool = False


def current_loop(loops: Sequence[Loop]) -> Loop | None:
    """Return the loop that tells how far a run is: the last that began, or the one around it.

    A loop goes around those that began after it if it came further since: one that was left early does not.
    """
    for loop, following in pairwise(loops):
        is_left = loop.done != loop.of
        if is_left and loop.at is not None and following.began is not None and loop.at > following.began:
            return loop
    return loops[-1] if loops else None


def begun_since(loops: Sequence[Loop], stages: Loop | None) -> Sequence[Loop]:
    """Return the loops of the stage that runs; all of them where there are no stages."""
    if stages is None or stages.at is None:
        return loops
    return [loop for loop in loops if loop.at is not None and loop.at >= stages.at]


def pace_of(loop: Loop, unit: Unit, *, paused_s: float, is_paused: bool, waited_s: float) -> Pace:
    """Return the pace of a loop.

    What it did in this attempt is divided by the time from the end of its first step to that of its last, so that
    neither a long step nor what comes once, at the start, makes it look slower than it is.

    Args:
        loop: that tells how far the attempt came.
        unit: what it counts.
        paused_s: how long the attempt stood still, before the last step; taken as within the loop.
        is_paused: whether it stands still now.
        waited_s: how long ago the last step was done. It counts as no more than one step takes, so that a clock of
            another host that is wrong does little harm.
    """
    rate = None
    # Stages have nothing in common: how long one took says nothing of the next.
    is_even = unit is not Unit.STAGES
    if is_even and loop.first is not None and loop.began is not None and loop.at is not None:
        rate = rate_of(loop.done - loop.first, loop.at - loop.began - paused_s)
    left_s = None
    if rate is not None and loop.of is not None and not is_paused:
        left_s = max(0.0, (loop.of - loop.done) / rate - min(max(0.0, waited_s), 1 / rate))
    is_early = left_s is not None and loop.done - (loop.first or 0) < _FEW
    return Pace(done=loop.done, of=loop.of, unit=unit, rate=rate, left_s=left_s, is_early=is_early)


def rate_of(count: float, seconds: float) -> float | None:
    """Return how many a second, None where there were none, or no time."""
    return count / seconds if count > 0 and seconds > 0 else None
