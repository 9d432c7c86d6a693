"""What people do to the runs under way: stop them, pause them, and let them go on."""

from __future__ import annotations

from collections.abc import Sequence

from mlpipeline.daemon.active import Active
from mlpipeline.daemon.records import Records
from mlpipeline.domain.requests import Ask, Request
from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import State
from mlpipeline.executors.executor import Executor


class Steering:
    """Does to runs what their users ask, and records it."""

    def __init__(self, records: Records, executor: Executor, host: str, grace_s: float) -> None:
        """Act on runs of `host`; `grace_s` is how long one may take to stop before it is killed, in seconds."""
        self._records = records
        self._executor = executor
        self._host = host
        self._grace_s = grace_s
        #: The news of the ledger up to which all requests were answered.
        self._heeded = -1

    def heed_requests(self, runs: Sequence[Active]) -> None:
        """Do what was asked of this host's runs and not answered yet, and answer it.

        Args:
            runs: that are under way.

        Raises:
            OSError: an answer could not be recorded; what was asked is then done again, which does no harm.
        """
        ledger = self._records.ledger
        ledger.catch_up()
        news = ledger.news
        if news == self._heeded:
            return
        for request in ledger.open_requests(self._host):
            said = self._heed(request, runs)
            self._records.note(request.to_answer(said))
        self._heeded = news

    def stop(self, active: Active, by: str) -> None:
        """Tell a run to stop, and record that `by` wanted it.

        Raises:
            OSError: it could not be recorded; the run was told all the same.
        """
        try:
            self._records.note({"event": "stop", "run": active.run_id, "by": by})
        finally:
            self.tell_to_stop(active)

    def tell_to_stop(self, active: Active) -> None:
        """Tell a run to stop; one that does not is killed after the grace."""
        active.is_stop_asked = True
        active.kill_within(self._grace_s)
        run = self._records.ledger.get(active.run_id)
        if run is not None and run.is_paused:
            self._executor.wake(active.handle)  # It is to save first.
        self._executor.stop(active.handle, hard=False)

    def _heed(self, request: Request, runs: Sequence[Active]) -> str:
        """Do what is asked; return what the asker is told."""
        run = self._records.ledger.get(request.run)
        if run is None:
            return "is not known here"
        active = next((active for active in runs if active.run_id == run.id), None)
        if active is None or active.is_over:
            return f"had ended already: {run.outcome_in_words}" if run.outcome else "had ended already"
        match request.ask:
            case Ask.STOP:
                return self._stop(run, active, request)
            case Ask.PAUSE:
                return self._pause(run, active, request)
            case Ask.RESUME:
                return self._resume(run, active, request)

    def _stop(self, run: Run, active: Active, request: Request) -> str:
        if not active.is_stop_asked:
            self._records.log(f"{run.key} is to stop: {request.by}", run.id)
            self.stop(active, request.by)
        return f"was told to stop, and is killed if it has not within {self._grace_s:g} s"

    def _pause(self, run: Run, active: Active, request: Request) -> str:
        if run.state is not State.RUNNING:
            return "has not begun yet: ask again in a moment, or stop it"
        if active.is_stop_asked:
            return "was told to stop before, and is not paused"
        if not run.is_paused:
            # Recorded first: what stands still is never shown as at work.
            self._records.note({"event": "paused", "run": run.id, "by": request.by})
            self._records.log(f"{run.key} is paused: {request.by}", run.id)
        self._executor.suspend(active.handle)
        return "is paused; it keeps its memory and its place until `mlpipeline resume`"

    def _resume(self, run: Run, active: Active, request: Request) -> str:
        if not run.is_paused:
            return "is not paused"
        self._executor.wake(active.handle)
        self._records.note({"event": "resumed", "run": run.id, "by": request.by})
        self._records.log(f"{run.key} goes on: {request.by}", run.id)
        return "goes on"
