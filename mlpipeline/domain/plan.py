"""What runs again: the table that decides what a launch does with a version."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import Outcome, Start
from mlpipeline.domain.waits import HELD_IN_QUEUE
from mlpipeline.domain.words import counted


class Verdict(StrEnum):
    """What a launch does with a version."""

    #: Starts in an empty model dir.
    NEW = "to run"
    #: Goes on where it was cut short.
    RESUMES = "to resume"
    #: Finished before, and called again.
    AGAIN = "called again"
    #: Finished before, and skipped.
    DONE = "done"
    #: Still running.
    ALIVE = "running"


#: How the model dir is used by a verdict that starts a run.
STARTS = {Verdict.NEW: Start.CLEAN, Verdict.RESUMES: Start.RESUME, Verdict.AGAIN: Start.AGAIN}


def verdict(
    last: Run | None, key: str, identity: str, *, skip_done: bool, is_collected: Callable[[str], bool]
) -> Verdict:
    """Return what a launch does with a version.

    Args:
        last: the latest run in its model dir, if any.
        key: the version, `model:version`.
        identity: of its code and parameters as they are now.
        skip_done: whether what history says is done is skipped (`-u`).
        is_collected: whether what the run with that id left in its model dir was deleted since.
    """
    if last is None:
        return Verdict.NEW
    if last.is_open:
        return Verdict.ALIVE
    if last.key != key or last.identity != identity:
        return Verdict.NEW
    is_done = last.outcome is Outcome.SUCCEEDED
    if is_done and skip_done:
        return Verdict.DONE
    # A run that was cut short before it had made its model dir ready may have left another identity's files there.
    if is_collected(last.id) or not (is_done or last.is_prepared):
        return Verdict.NEW
    return Verdict.AGAIN if is_done else Verdict.RESUMES


def plan_line(verdicts: list[Verdict], on_hold_count: int) -> str:
    """Return the plan of a launch in one line: `12 versions: 8 to run, 3 done, 1 held in models.toml`.

    Args:
        verdicts: on what the queue file does not hold.
        on_hold_count: how many it does.
    """
    count = len(verdicts) + on_hold_count
    total = counted(count, "version")
    parts = [f"{verdicts.count(kind)} {kind}" for kind in _PLAN_ORDER if kind in verdicts]
    parts += [f"{on_hold_count} {HELD_IN_QUEUE}"] if on_hold_count else []
    return f"{total}: {', '.join(parts)}" if parts else "nothing to run"


def closing_line(outcomes: list[Outcome | None], problem_count: int, on_hold_count: int, behind_count: int) -> str:
    """Return what became of a launch in one line: `mlpipeline ends: 7 succeeded, 1 failed`.

    Args:
        outcomes: of the runs that ended.
        problem_count: how much could not be used, or is held because something is wrong.
        on_hold_count: how many versions the queue file holds.
        behind_count: how many come after one of those.
    """
    parts = [f"{outcomes.count(outcome)} {outcome}" for outcome in Outcome if outcome in outcomes]
    if problem_count:
        parts.append(f"{problem_count} could not be used")
    if on_hold_count:
        parts.append(f"{on_hold_count} {HELD_IN_QUEUE}")
    if behind_count:
        parts.append(f"{behind_count} waiting for that")
    return f"mlpipeline ends: {', '.join(parts) if parts else 'nothing was run'}"


def gate_line(new_count: int, passed_count: int) -> str:
    """Return what is to be tested, and how many passed before, in one line: `test first: 12 versions to test`."""
    told = "1 version" if new_count == 1 else f"{new_count or 'no'} versions"
    return f"test first: {told} to test{f', {passed_count} passed before' if passed_count else ''}"


def gate_result_line(passed_count: int, failed_count: int) -> str:
    """Return what came of all tests in one line: `tested: 11 passed, 1 failed`."""
    counts = {"passed": passed_count, "failed": failed_count}
    return f"tested: {', '.join(f'{count} {what}' for what, count in counts.items() if count)}"


_PLAN_ORDER = (Verdict.NEW, Verdict.AGAIN, Verdict.DONE, Verdict.RESUMES, Verdict.ALIVE)
