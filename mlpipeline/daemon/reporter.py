"""What the daemon has written for people, and by whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mlpipeline.daemon.catalogue import Problem
from mlpipeline.domain.notices import Notice
from mlpipeline.domain.result import Result
from mlpipeline.domain.runs import Run


class Reporter(Protocol):
    """Turns runs into text; called by the daemon's loop."""

    def results_block(self, run: Run, result: Result | None) -> str:
        """Return what `output-<host>` says of a run that ended; ends in a line feed."""
        ...

    def notice(self, notice: Notice, runs: Sequence[Run], held: Sequence[Problem], waits: Sequence[Problem]) -> str:
        """Return what a person is told who does not look at the queue: what was done, and what is to be seen to."""
        ...

    def summary(self, runs: Sequence[Run], problems: Sequence[Problem]) -> str:
        """Return the table of what a launch did: version, outcome, time, results, where to look."""
        ...
