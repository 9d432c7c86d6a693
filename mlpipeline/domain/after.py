"""What waits for others to have succeeded: circles in a queue, and whether a version may start."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from mlpipeline.domain.queue import Entry, awaited_entries
from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import Outcome
from mlpipeline.domain.waits import Wait

_HELD = " is held: "
_AFTER = "after "


def circle(entries: Sequence[Entry]) -> str | None:
    """Return what is wrong where entries wait for each other in a circle, None when none do."""
    by_script: dict[str, list[Entry]] = defaultdict(list)
    indices = {id(entry): index for index, entry in enumerate(entries)}
    for entry in entries:
        by_script[entry.script].append(entry)
    awaited = {
        indices[id(entry)]: [
            indices[id(other)] for wanted in entry.after for other in awaited_entries(by_script[wanted.script], wanted)
        ]
        for entry in entries
        if entry.after
    }
    try:
        TopologicalSorter(awaited).prepare()
    except CycleError as error:
        # Each of them is awaited by the next; the last one is the first again.
        first, *others = [str(entries[index]) for index in reversed(error.args[1])]
        if len(others) == 1:
            return f"{first} waits for itself and could never start. Take that out of its `after`."
        path = ", which waits for ".join(others)
        return f"{first} waits for {path}: none of them could ever start. Take one of these out of its `after`."
    return None


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a version stands that others wait for."""

    #: `model:version`.
    key: str
    #: Of its code and parameters as they are now.
    identity: str
    #: The latest run in its model dir, of whatever host.
    last: Run | None
    #: Whether it is still to be started in this launch, and what keeps it from that.
    is_to_run: bool
    wait: Wait | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether its latest run was of what it is now."""
        return self.last is not None and (self.last.key, self.last.identity) == (self.key, self.identity)


def wait_after(standing: Standing, host: str) -> Wait | None:
    """Return why what comes after a version does not start now; None when that has succeeded as it is now.

    What is to run in this launch is waited for even where it has succeeded before: it is about to be called again.

    Args:
        standing: of the version that has to have succeeded.
        host: this one; a run of another is said to be there.
    """
    key, last, wait = standing.key, standing.last, standing.wait
    if last is not None and last.is_open:
        # That it has only just been started would be out of date before anybody reads it.
        how = "is paused" if last.is_paused else "is running" if last.retry_at is None else "is tried again"
        where = "" if last.host == host else f" on {last.host}"
        return Wait(why=f"{_AFTER}{last.key}, which {how}{where}")
    if standing.is_to_run and (wait is None or not wait.is_held):
        # What for is told of itself.
        return Wait(why=f"{_AFTER}{key}, which waits{', too' if wait else ' for its turn'}")
    if standing.is_fresh and last is not None and last.outcome is Outcome.SUCCEEDED:
        return None
    if wait is not None and wait.is_meant:
        why = wait.why if wait.why.startswith(_AFTER) else f"{_AFTER}{key}, which is {wait.why}"
        return Wait(why=why, is_held=True, is_meant=True)
    if wait is not None:
        # Of a long chain its beginning is told: that is where somebody has something to do.
        return Wait(why=wait.why if _HELD in wait.why else f"{key}{_HELD}{wait.why}", is_held=True)
    return Wait(why=_why_not(standing), is_held=True)


def foremost(waits: Iterable[Wait]) -> Wait | None:
    """Return the one to tell: the first that lasts, as there somebody has something to do, else the first.

    What somebody wants so is told where nothing is wrong.
    """
    first = None
    for wait in waits:
        if wait.is_held and not wait.is_meant:
            return wait
        if first is None or (wait.is_meant and not first.is_meant):
            first = wait
    return first


def _why_not(standing: Standing) -> str:
    key, last = standing.key, standing.last
    if last is None or last.key != key:
        return f"{key} has not run yet, and does not run in this launch. List it too, or run it first"
    if not standing.is_fresh:
        return f"{key} changed since it {_ended(last)}, and does not run again in this launch. Launch again"
    return f"{key} {_ended(last)}{f': {last.error}' if last.error else ''}"


def _ended(run: Run) -> str:
    return f"was {run.outcome}" if run.outcome in (Outcome.STOPPED, Outcome.LOST) else run.outcome_in_words
