"""What the daemon has written for people, and by whom."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from mlpipeline.daemon.catalogue import Problem
from mlpipeline.domain.notices import Notice
from mlpipeline.domain.result import Result
from mlpipeline.domain.runs import Run
from mlpipeline.history.ledger import Ledger


class Reporter(Protocol):
    """Turns runs into text; called by the daemon's loop."""

    def results_block(self, run: Run, result: Result | None) -> str:
        """Return what `output-<host>` says of a run that ended; ends in a line feed."""
        ...

    def notice(
        self,
        notice: Notice,
        ledger: Ledger,
        held: Sequence[Problem],
        waits: Sequence[Problem],
        *,
        since: datetime,
        now: float,
    ) -> str:
        """Return what a person is told who does not look at the queue.

        Args:
            notice: why now.
            ledger: of what ran.
            held: what is held, or cannot be used.
            waits: what waits for something else than its turn.
            since: when the work began that is told of, with its offset.
            now: in seconds since the epoch.
        """
        ...

    def summary(self, runs: Sequence[Run], problems: Sequence[Problem]) -> str:
        """Return the table of what a launch did: version, outcome, time, results, where to look."""
        ...
