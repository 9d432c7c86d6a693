"""The end that somebody wants: upon a signal the runs are told to stop, upon the next one they are killed."""

from __future__ import annotations

import signal

from mlpipeline.daemon.parts import Parts
from mlpipeline.daemon.retrying import Retries
from mlpipeline.daemon.runs_under_way import RunsUnderWay
from mlpipeline.daemon.steering import Steering
from mlpipeline.daemon.trouble import Trouble


class Stopping:
    """Heeds the signals that the waker has heard."""

    def __init__(
        self, parts: Parts, steering: Steering, retries: Retries, runs: RunsUnderWay, trouble: Trouble
    ) -> None:
        self._parts = parts
        self._steering = steering
        self._retries = retries
        self._runs = runs
        self._trouble = trouble
        #: Whether nothing begins any more.
        self.is_on = False
        #: How many signals were heeded.
        self._heeded = 0

    def heed_signals(self) -> None:
        """Do what those say that came since this was last called."""
        for number in self._parts.waker.stops[self._heeded :]:
            self._heeded += 1
            if self.is_on:
                self._kill_all()
            else:
                self._stop_all(number)

    @property
    def is_given_up(self) -> bool:
        """Whether it ends in the midst of trouble: what could not be recorded is found by the next launch."""
        return self.is_on and (self._heeded > 1 or not (self._runs.active or self._runs.holding))

    def _stop_all(self, number: signal.Signals) -> None:
        self.is_on = self._retries.is_closed = True
        self._parts.gate.stop()
        log = self._parts.records.log
        log(f"{number.name}: starts nothing more")
        # Of a run that is over, only the end is still to be written down, or its claim to be given back.
        alive = [active for active in self._runs.active if not active.is_over]
        if alive:
            grace_s = self._parts.settings.stop_grace_s
            log(f"waits up to {grace_s:g} s for {len(alive)} to stop; the same signal again kills them now")
        for active in alive:
            try:
                self._steering.stop(active, number.name)
            except Exception as error:
                # Those after it are to be told all the same.
                self._trouble.note(error)

    def _kill_all(self) -> None:
        self._parts.records.log("kills what still runs")
        for active in self._runs.active:
            active.kill_within(0)
