"""Whether the versions of a script fail one after the other, in the same way at the same place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import Failure, Outcome

#: What every text of `streak_in_words` has, and no other reason why something is held.
IN_A_ROW = "versions in a row failed"


def streak(latest: Iterable[Run], is_released: Callable[[str], bool]) -> list[Run]:
    """Return the last run of each version that belongs to the streak with which a script's history ends, newest first.

    A run that was stopped or lost, found the disk full, or failed nowhere in particular, as by a signal from outside,
    says nothing about the script: it is passed over. A success ends a streak, and so does a failure that a person has
    released.

    Args:
        latest: the runs of one script that are over, newest first.
        is_released: whether a person released what a run, named by its id, had kept.
    """
    found: dict[str, Run] = {}
    newest: Run | None = None
    for run in latest:
        if run.outcome is not Outcome.SUCCEEDED and (run.place is None or run.failure is Failure.DISK_FULL):
            continue
        newest = newest or run
        if _kind(run) != _kind(newest) or run.outcome is not Outcome.FAILED or is_released(run.id):
            break
        found.setdefault(run.key, run)
    return list(found.values())


def streak_in_words(runs: Sequence[Run], models_dir: Path) -> str:
    """Return what a streak is, newest first: `3 versions in a row failed (exception) at net.py:3: ValueError: no`."""
    newest = runs[0]
    where = (newest.place or "").replace(f"{models_dir}/", "")
    return f"{len(runs)} {IN_A_ROW} ({newest.failure}) at {where}: {newest.error}"


def _kind(run: Run) -> tuple[object, ...]:
    return run.failure, run.place, run.code
