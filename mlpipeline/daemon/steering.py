"""What people do to runs: stop them, pause them, let them go on, try them again; and what limits do to them."""

from __future__ import annotations

from collections.abc import Sequence

from mlpipeline.daemon.active import Active
from mlpipeline.daemon.breaker import Breaker
from mlpipeline.daemon.catalogue import Catalogue
from mlpipeline.daemon.records import Records
from mlpipeline.daemon.retrying import Retries, end_of
from mlpipeline.daemon.starting import Starter
from mlpipeline.daemon.test_gate import TestGate
from mlpipeline.domain.requests import RELEASED, TOLD_TO_STOP, Ask, Request
from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import Outcome, State
from mlpipeline.domain.waits import HELD_IN_QUEUE
from mlpipeline.executors.executor import Executor
from mlpipeline.project.clock import since_boot


class Steering:
    """Does to runs what their users ask, and records it."""

    def __init__(
        self,
        records: Records,
        executor: Executor,
        starter: Starter,
        retries: Retries,
        catalogue: Catalogue,
        breaker: Breaker,
        gate: TestGate,
        host: str,
        grace_s: float,
    ) -> None:
        """Act on runs of `host`; `grace_s` is how long one may take to stop before it is killed, in seconds."""
        self._records = records
        self._executor = executor
        self._starter = starter
        self._retries = retries
        self._catalogue = catalogue
        self._breaker = breaker
        self._gate = gate
        self._host = host
        self._grace_s = grace_s
        #: The news of the ledger up to which all requests were answered.
        self._heeded = -1
        #: The runs that ended because somebody asked, while they waited for another attempt.
        self.ended: list[Run] = []

    def heed_requests(self, runs: Sequence[Active]) -> bool:
        """Do what was asked of this host's runs and not answered yet, and answer it.

        Args:
            runs: that are under way.

        Returns:
            Whether anything was done.

        Raises:
            OSError: an answer could not be recorded; what was asked is then done again, which does no harm.
        """
        ledger = self._records.ledger
        ledger.catch_up()
        news = ledger.news
        if news == self._heeded:
            return False
        answered = 0
        for request in ledger.open_requests(self._host):
            if request.ask in _BEGINS and self._retries.is_closed:
                continue  # For the next launch: this one begins nothing more.
            said = self._release(request) if request.ask is Ask.RELEASE else self._heed(request, runs)
            self._records.note(request.to_answer(said))
            answered += 1
        self._heeded = news
        return answered > 0

    def stop(self, active: Active, by: str) -> None:
        """Tell a run to stop, and record that `by` wanted it.

        Raises:
            OSError: it could not be recorded; the run was told all the same.
        """
        try:
            self._records.note({"event": "stop", "run": active.run_id, "by": by})
        finally:
            self.tell_to_stop(active)

    def time_out(self, active: Active, why: str) -> None:
        """Tell a run to stop that passed a limit, and record which.

        Raises:
            OSError: it could not be recorded; the run was told all the same.
        """
        try:
            self._records.note({"event": "timeout", "run": active.run_id, "error": why})
        finally:
            self.cut_short(active)
        run = self._records.run(active.run_id)
        self._records.log(f"{run.key} {why}: it is told to stop", run.id)

    def cut_short(self, active: Active) -> None:
        """Tell a run to end that passed a limit; one that does not is killed after the grace."""
        active.kill_within(self._grace_s)
        self._wake_if_paused(active)
        self._executor.stop(active.handle, hard=False)

    def tell_to_stop(self, active: Active) -> None:
        """Tell a run to stop; one that does not is killed after the grace."""
        active.is_stop_asked = True
        active.kill_within(self._grace_s)
        self._wake_if_paused(active)
        self._executor.stop(active.handle, hard=False)

    def _wake_if_paused(self, active: Active) -> None:
        run = self._records.ledger.get(active.run_id)
        if run is not None and run.is_paused:
            self._executor.wake(active.handle)  # It is to save first.

    def _heed(self, request: Request, runs: Sequence[Active]) -> str:
        """Do what is asked; return what the asker is told."""
        run = self._records.ledger.get(request.of)
        if run is None:
            return "is not known here"
        if request.ask is Ask.RETRY or run.id in self._retries:
            return self._heed_waiting(run, request)
        active = next((active for active in runs if active.run_id == run.id), None)
        if active is None or active.is_over:
            return f"had ended already: {run.outcome_in_words}" if run.outcome else "had ended already"
        match request.ask:
            case Ask.STOP:
                return self._stop(run, active, request)
            case Ask.PAUSE:
                return self._pause(run, active, request)
            case _:
                return self._resume(run, active, request)

    def _stop(self, run: Run, active: Active, request: Request) -> str:
        if not active.is_stop_asked:
            self._records.log(f"{run.key} is to stop: {request.by}", run.id)
            self.stop(active, request.by)
        return f"{TOLD_TO_STOP}, and is killed if it has not within {self._grace_s:g} s"

    def _pause(self, run: Run, active: Active, request: Request) -> str:
        if run.state is not State.RUNNING:
            return "has not begun yet: ask again in a moment, or stop it"
        if active.is_stop_asked or run.timeout is not None:
            return "was told to stop before, and is not paused"
        if not run.is_paused:
            # Recorded first: what stands still is never shown as at work.
            self._records.note({"event": "paused", "run": run.id, "by": request.by, "since_boot": since_boot()})
            self._records.log(f"{run.key} is paused: {request.by}", run.id)
        self._executor.suspend(active.handle)
        return "is paused; it keeps its memory and its place until `mlpipeline resume`"

    def _resume(self, run: Run, active: Active, request: Request) -> str:
        if not run.is_paused:
            return "is not paused"
        self._executor.wake(active.handle)
        self._records.note({"event": "resumed", "run": run.id, "by": request.by, "since_boot": since_boot()})
        self._records.log(f"{run.key} goes on: {request.by}", run.id)
        return "goes on"

    def _heed_waiting(self, run: Run, request: Request) -> str:
        """Do what is asked of a run that waits for another attempt, or is to have one."""
        match request.ask:
            case Ask.STOP:
                self.ended.append(self._retries.stop(run, request.by))
                return "stopped, before its next attempt"
            case Ask.RETRY if run.id in self._retries:
                self._retries.hasten(run, request.by)
                return f"goes on at once, with attempt {run.attempt}"
            case Ask.RETRY:
                return self._retry(run, request)
            case _:
                return f"does not run now: it waits for attempt {run.attempt}"

    def _retry(self, run: Run, request: Request) -> str:
        if run.outcome is None or run.outcome is Outcome.SUCCEEDED:
            return f"is not tried again: it {'still runs' if run.is_open else 'succeeded'}"
        why = self._starter.why_not_again(run)
        if why is not None:
            return f"is not tried again: {why}"
        self._retries.schedule(run, end_of(run), 0.0, request.by)
        run = self._records.run(run.id)
        self._retries.announce(run)
        return f"is tried again, as attempt {run.attempt}"

    def _release(self, request: Request) -> str:
        model, _, version = request.of.partition(":")
        offer = self._catalogue.find(request.of)
        what = [] if version and offer is None else self._breaker.what_holds(model, offer)
        is_to_be_tested = self._gate.release(model, version or None)
        if not what and not is_to_be_tested and self._is_on_hold(model, version):
            return f"is {HELD_IN_QUEUE}: mlpipeline queue hold --off {request.of}"
        if not what and not is_to_be_tested:
            return "is not held by anything that can be released"
        self._records.note({"event": "released", "of": request.of, "what": what, "by": request.by})
        self._records.ledger.settle()
        self._breaker.look_at(model)
        self._records.log(f"{request.of} is released: {request.by}")
        return RELEASED

    def _is_on_hold(self, model: str, version: str) -> bool:
        return any(
            offer.is_on_hold
            for offer in self._catalogue.offers
            if offer.model == model and version in ("", offer.version)
        )


#: What makes runs begin.
_BEGINS = (Ask.RETRY, Ask.RELEASE)
