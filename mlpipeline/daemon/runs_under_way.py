"""The runs under way: watched until they end, which is written down, or tried again."""

from __future__ import annotations

from collections.abc import Iterable

from mlpipeline.daemon.active import LEAVE_TIME_S, Active
from mlpipeline.daemon.breaker import Breaker
from mlpipeline.daemon.ended import Ended, Over, give_back, judge, record_end, say_how, write_results
from mlpipeline.daemon.parts import Parts
from mlpipeline.daemon.retrying import Retries
from mlpipeline.daemon.steering import Steering
from mlpipeline.daemon.todo import Todo
from mlpipeline.domain.retries import retry_delay_s
from mlpipeline.domain.runs import Run, before_retry
from mlpipeline.domain.states import Outcome, State
from mlpipeline.executors.executor import Presence, Seen
from mlpipeline.project.files import read_json
from mlpipeline.project.paths import AttemptDir
from mlpipeline.project.result_file import read_result


class RunsUnderWay:
    """Watches processes, and records what becomes of their runs."""

    def __init__(self, parts: Parts, steering: Steering, retries: Retries, breaker: Breaker, todo: Todo) -> None:
        self._parts = parts
        self._records = parts.records
        self._steering = steering
        self._retries = retries
        self._breaker = breaker
        self._todo = todo
        self.active: list[Active] = []
        #: Those of this launch that are over.
        self.ended: list[Run] = []
        #: How often a run has ended in this launch, whoever began it, unless somebody stopped it; and how often it
        #: failed or was lost.
        self.end_count = self.failure_count = 0
        #: Those that ended and still hold their model dir, and those of them whose results are still to be written.
        self.holding: list[Run] = []
        self._unwritten: list[Ended] = []

    def collect(self) -> None:
        """See how they fare: note which run by now, end those that take too long, and record which have ended.

        Raises:
            OSError: something could not be recorded; it may be tried again, and nothing is forgotten.
        """
        seen = self._parts.executor.look([active.handle for active in self.active])
        gone = Seen(presence=Presence.ENDED)
        for active in self.active:
            if not active.is_over:
                active.note_seen(seen.get(active.handle, gone))
                self._hurry(active)
        for active in list(self.active):
            self._note_running(active)
            self._enforce_limits(active)
            if active.is_over and active.is_settled:
                self._end(active)

    def _note_running(self, active: Active) -> None:
        if self._records.run(active.run_id).state is not State.WAITING:
            return
        worker = read_json(active.attempt.worker)
        if worker is not None and "pid" in worker:
            event = {"event": "running", "run": active.run_id, "pid": worker["pid"]}
            self._records.note({**event, "started_at": worker["started_at"]})

    def _enforce_limits(self, active: Active) -> None:
        run = self._records.run(active.run_id)
        is_told = active.is_over or active.is_stop_asked or run.timeout is not None
        if active.limits is None or is_told or run.state is not State.RUNNING or active.attempt.result.exists():
            return
        if (passed := active.limits.passed(paused_s=run.paused_s, is_paused=run.is_paused)) is not None:
            self._steering.time_out(active, passed)

    def _hurry(self, active: Active) -> None:
        if active.kill_at is None and active.attempt.result.exists():
            active.kill_within(LEAVE_TIME_S)
        if active.is_overdue and not active.is_over:
            self._parts.executor.stop(active.handle, hard=True)

    def _end(self, active: Active) -> None:
        # What the run left behind goes first: it could still write to the model dir.
        self._parts.executor.stop(active.handle, hard=True)
        run = self._records.run(active.run_id)
        if run.id not in self._retries:  # It is, when there was trouble after that was recorded.
            over = judge(run, active, self._records)
            delay_s = self._retry_delay_s(run, over, active)
            if delay_s is None:
                self._note_end(record_end(run, over, active, self._parts.outputs, self._records))
            else:
                self._retries.schedule(run, over.told, delay_s)
                say_how(run, over, active.attempt, self._parts.outputs, self._records)
                run = self._records.run(run.id)
                self._retries.announce(run)
                self._breaker.note_ended(before_retry(run))
                self._todo.forget_waits()  # It is not running any more.
        self.active.remove(active)
        self._parts.leases.free(active.run_id)

    def _retry_delay_s(self, run: Run, over: Over, active: Active) -> float | None:
        if self._retries.is_closed or not run.is_open or run.is_stop_asked or active.is_stop_asked:
            return None
        first_s = self._parts.settings.retry_delay_s
        return retry_delay_s(over.end.outcome, over.end.failure, run.past, active.conditions.retries, first_s)

    def _note_end(self, ended: Ended) -> None:
        """Have a run's results written and its model dir given back."""
        self._todo.note_ended(ended.run.model_dir)
        self._breaker.note_ended(ended.run)
        self.holding.append(ended.run)
        self._unwritten.append(ended)
        self.end_count += ended.run.outcome is not Outcome.STOPPED
        self.failure_count += ended.run.outcome in (Outcome.FAILED, Outcome.LOST)
        if self._todo.has_begun(ended.run.key):
            # Of one that was tried again, only the last end counts.
            self.ended = [*(run for run in self.ended if run.id != ended.run.id), ended.run]

    def note_ends(self, runs: Iterable[Run]) -> None:
        """Have the results of runs written, and their model dirs given back, that ended while they waited to go on."""
        for run in runs:
            self._note_end(Ended(run=run, result=read_result(self._attempt_of(run)), is_new=True))

    def _attempt_of(self, run: Run) -> AttemptDir:
        return self._records.outputs.run_dir(run.name).attempt(run.attempt)

    def give_back(self) -> None:
        """Write the results of those that ended, and give their model dirs back.

        Raises:
            OSError: something could not be written; it may be tried again.
        """
        # One after the other: while a claim cannot be removed, the results are not written again and again.
        while self._unwritten:
            write_results(self._unwritten[0], self._records, self._parts.reporter)
            del self._unwritten[0]
        while self.holding:
            # One that somebody had tried again meanwhile needs its model dir.
            if not self._records.run(self.holding[0].id).is_open:
                give_back(self.holding[0], self._parts.outputs)
            del self.holding[0]
