"""When somebody is to be told of the queue who does not look at it."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from enum import StrEnum

from mlpipeline.domain.queue import model_name


class Notice(StrEnum):
    """What is told; the value is `MLP_EVENT`."""

    #: A run failed or was lost, and is not tried again: the first of this launch.
    FAILED = "failed"
    #: Something waits for a person, of which nobody was told in this launch.
    HELD = "held"
    #: All that could be done is done.
    DONE = "done"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a launch stands at one moment; the counts only ever rise."""

    #: How many runs and tests ended in this launch but for those that somebody stopped, and how many of the runs
    #: failed or were lost.
    ended_count: int
    failed_count: int
    #: What a person has to see to now, though the queue may go on: a full disk, and scripts held for their failures,
    #: once no run of theirs is under way, and unless earlier launches had them held.
    urgent: Set[str]
    #: All that is held or cannot be used.
    held: Set[str]
    #: Whether nothing runs, and nothing will unless somebody does something.
    is_at_rest: bool


class Notices:
    """Tells each once in a stretch of work, which ends when nothing is left to do: with `--watch` there are many."""

    def __init__(self) -> None:
        self._is_failure_told = False
        #: Of what is held, what was told.
        self._told: Set[str] = frozenset()
        #: How much had ended, and failed, when it was last at rest.
        self._ended_before = self._failed_before = 0

    def has_worked(self, ended_count: int) -> bool:
        """Return whether anything has ended since it was last at rest."""
        return ended_count > self._ended_before

    def due(self, standing: Standing) -> list[Notice]:
        """Return what is to be told now, in this order.

        A launch that has done nothing yet tells nothing of its rest: who started it sees that, and what earlier
        launches left held was told by them.
        """
        found = []
        if standing.failed_count > self._failed_before and not self._is_failure_told:
            self._is_failure_told = True
            found.append(Notice.FAILED)
        if self._is_new(standing.urgent):
            found.append(Notice.HELD)
        if standing.is_at_rest and self.has_worked(standing.ended_count):
            # One of the two, and not both: a queue that stands because of what is held is not done.
            is_held = self._is_new(standing.held) or Notice.HELD in found
            if not is_held:
                found.append(Notice.DONE)
            elif Notice.HELD not in found:
                found.append(Notice.HELD)
            self._begin_anew(standing)
        return found

    def _is_new(self, causes: Set[str]) -> bool:
        is_new = not causes <= self._told
        self._told |= causes
        return is_new

    def _begin_anew(self, standing: Standing) -> None:
        self._ended_before, self._failed_before = standing.ended_count, standing.failed_count
        self._is_failure_told = False
        self._told = standing.held  # What was mended may be held again.


def cause_of_hold(what: str) -> str:
    """Return what stands for all that is held with it: the model of a version, or of a script."""
    return model_name(what.partition(":")[0])
