"""Starting the attempts of runs that are tried again, and giving up those that the queue does not want any more."""

from __future__ import annotations

from collections.abc import Callable

from mlpipeline.daemon.parts import Parts
from mlpipeline.daemon.retrying import Retries
from mlpipeline.daemon.runs_under_way import RunsUnderWay
from mlpipeline.daemon.superseding import Superseding
from mlpipeline.daemon.todo import Todo


class NextAttempts:
    """Takes up what `Retries` holds, once that is due."""

    def __init__(self, parts: Parts, retries: Retries, runs: RunsUnderWay, todo: Todo) -> None:
        self._parts = parts
        self._records = parts.records
        self._retries = retries
        self._runs = runs
        self._todo = todo
        self._superseding = Superseding(parts.catalogue, parts.records)

    def begin(self, room: Callable[[], int], *, is_plan_whole: bool) -> None:
        """Start the attempts that are due; give those up for which the queue has something else by now.

        Args:
            room: returns how many runs may begin at that moment.
            is_plan_whole: whether all that is listed is known.

        Raises:
            OSError, StartRefused: one could not be started, or given up; it may be tried again.
        """
        self._give_up_superseded(is_plan_whole)
        chooser, starter = self._parts.chooser, self._parts.starter
        chooser.forget_foremost()
        for retry in self._retries.due():
            run = self._records.run(retry.run_id)
            resources = starter.asked_by(run)
            why = chooser.why_never(resources) or starter.why_not_again(run)
            if why is not None:
                self._runs.note_ends([self._retries.give_up(run, why)])
            if why is not None or room() <= 0 or not chooser.may_start(run.key, resources):
                continue
            active = starter.start_again(run)
            if active is not None:
                self._runs.active.append(active)
                self._retries.begun(run.id)
                self._todo.note_begun(run.key, run.identity)

    def _give_up_superseded(self, is_plan_whole: bool) -> None:
        for retry in self._retries:
            why = None if retry.is_asked else self._superseding.why(retry.run_id, is_plan_whole=is_plan_whole)
            if why is None:
                continue
            run = self._retries.give_up(self._records.run(retry.run_id), why)
            self._runs.note_ends([run])
            if (offer := self._parts.catalogue.find(run.key)) is not None and offer.is_on_hold:
                self._todo.forget_begun(run.key)  # It goes on where it was cut short once that is taken away.

    def give_up(self, why: str) -> None:
        """Have none of them begin.

        Raises:
            OSError: it could not be recorded of one; it may be tried again.
        """
        for retry in self._retries:
            self._runs.note_ends([self._retries.give_up(self._records.run(retry.run_id), why)])
