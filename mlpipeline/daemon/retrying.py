"""Further attempts: by rule after a failure, and by request."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mlpipeline.daemon.records import Records
from mlpipeline.domain.attempts import AttemptEnd
from mlpipeline.domain.quantities import duration_in_words
from mlpipeline.domain.retries import LONGEST_DELAY_S
from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import Outcome, Start


@dataclass(frozen=True, kw_only=True)
class Retry:
    """An attempt that is to begin."""

    run_id: str
    #: On the monotonic clock.
    due_at: float
    #: Whether a person asked for it, whatever the queue says by now.
    is_asked: bool


class Retries:
    """The runs whose next attempt has not begun yet. Each holds its model dir."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._pending: dict[str, Retry] = {}
        #: Whether nothing new begins any more.
        self.is_closed = False

    def __iter__(self) -> Iterator[Retry]:
        """Yield them in the order in which they are due."""
        return iter(sorted(self._pending.values(), key=_due_at))

    def __contains__(self, run_id: str) -> bool:
        """Return whether a run is one of them."""
        return run_id in self._pending

    def due(self) -> list[Retry]:
        """Return those that may begin now, in the order in which they became due."""
        now = time.monotonic()
        return [retry for retry in self if retry.due_at <= now]

    def due_in_s(self) -> float | None:
        """Return when the next is due, in seconds; None when there is none."""
        dues = [retry.due_at for retry in self._pending.values()]
        return max(0.0, min(dues) - time.monotonic()) if dues else None

    def schedule(self, run: Run, after: AttemptEnd | None, delay_s: float, by: str = "") -> None:
        """Record that a run gets another attempt, and have it begin after a while.

        Args:
            run: whose attempt is over.
            after: how it ended; None when it never began.
            delay_s: how long until the next one, in seconds.
            by: who asked for it; nobody where it is the rule.

        Raises:
            OSError: it could not be recorded, and does not happen.
        """
        # A model dir that was never made ready is still to be.
        start = Start.RESUME if after and after.is_prepared else run.start
        self._note(run, run.last_number + 1, start, after, delay_s, by)

    def _note(self, run: Run, number: int, start: Start, after: AttemptEnd | None, delay_s: float, by: str) -> None:
        begins_at = datetime.now().astimezone() + timedelta(seconds=delay_s)
        self._records.note(
            {
                "event": "retry",
                "run": run.id,
                "attempt": number,
                "start": start,
                "retry_at": begins_at.isoformat(timespec="milliseconds"),
                "after": after.to_event() if after else None,
                "by": by,
            }
        )
        self._add(run.id, delay_s, is_asked=bool(by))

    def announce(self, run: Run) -> None:
        """Log that a run, as it is now, gets another attempt."""
        delay_s = self._pending[run.id].due_at - time.monotonic()
        when = f"in {duration_in_words(delay_s)}" if delay_s > 0 else "now"
        self._records.log(f"{run.key} is tried again {when}, as attempt {run.attempt}", run.id)

    def take_up(self, run: Run) -> None:
        """Go on waiting for an attempt that a dead daemon had scheduled, and perhaps started in vain.

        Args:
            run: waiting for an attempt that never began, and whose `worker.json` is revoked.

        Raises:
            OSError: it could not be recorded; it may be tried again.
        """
        left_s = 0.0
        if run.retry_at is not None:
            left_s = (datetime.fromisoformat(run.retry_at) - datetime.now().astimezone()).total_seconds()
        # The clock may have been set meanwhile.
        self.schedule(run, None, min(max(0.0, left_s), LONGEST_DELAY_S), run.retry_by)
        self.announce(self._records.run(run.id))

    def hasten(self, run: Run, by: str) -> None:
        """Have the next attempt of a run begin now: a person asked for it.

        Raises:
            OSError: it could not be recorded, and does not happen.
        """
        self._note(run, run.attempt, run.start, None, 0.0, by)

    def begun(self, run_id: str) -> None:
        """The attempt has begun, or was given up."""
        self._pending.pop(run_id, None)

    def give_up(self, run: Run, why: str) -> Run:
        """End a run as its last attempt did, without another.

        Raises:
            OSError: it could not be recorded; nothing is given up.
        """
        self._records.note({**run.past[-1].to_event(), "event": "ended", "run": run.id})
        self.begun(run.id)
        run = self._records.run(run.id)
        self._records.log(f"{run.key} {run.outcome_in_words}, and is not tried again: {why}", run.id)
        return run

    def stop(self, run: Run, by: str) -> Run:
        """End a run whose next attempt somebody does not want.

        Raises:
            OSError: it could not be recorded; nothing is given up.
        """
        ended = replace(run.past[-1], outcome=Outcome.STOPPED, failure=None, error=None, place=None)
        self._records.note({**ended.to_event(), "event": "ended", "run": run.id})
        self.begun(run.id)
        self._records.log(f"{run.key} stopped, before its next attempt: {by}", run.id)
        return self._records.run(run.id)

    def _add(self, run_id: str, delay_s: float, *, is_asked: bool) -> None:
        due_at = time.monotonic() + delay_s
        self._pending[run_id] = Retry(run_id=run_id, due_at=due_at, is_asked=is_asked)


def _due_at(retry: Retry) -> float:
    return retry.due_at


def end_of(run: Run) -> AttemptEnd:
    """Return how a run ended whose history says so."""
    assert run.outcome is not None
    return AttemptEnd(
        attempt=run.attempt,
        outcome=run.outcome,
        failure=run.failure,
        error=run.error,
        place=run.place,
        seconds=run.seconds,
        results=run.results,
        note=run.note,
        is_prepared=run.is_prepared,
        is_trained=run.is_trained,
    )
