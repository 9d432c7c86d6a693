"""Why runs failed, those that failed for the same reason counted as one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlpipeline.domain.runs import Run


@dataclass(frozen=True, kw_only=True)
class Cause:
    """What made runs fail, or be lost."""

    #: The runs, in the order in which they were given; the first stands for all.
    runs: Sequence[Run]

    @property
    def error(self) -> str | None:
        """What was said of it, in one line; the numbers in it may be others in each run."""
        return self.runs[0].error

    @property
    def place(self) -> str | None:
        """The last file and line of the user's own code, `/path/net.py:12`; None where no line of it failed."""
        return code_place(self.runs[0])

    @property
    def in_words(self) -> str:
        """How they ended: `failed (exception)`."""
        return self.runs[0].outcome_in_words


def causes(runs: Iterable[Run]) -> list[Cause]:
    """Return why runs failed, what befell most of them first; else the causes are in the order of their first runs."""
    found: dict[tuple[object, ...], list[Run]] = {}
    for run in runs:
        found.setdefault(_kind(run), []).append(run)
    return sorted((Cause(runs=alike) for alike in found.values()), key=lambda cause: -len(cause.runs))


def code_place(run: Run) -> str | None:
    """Return the last file and line of its own code of a run that failed; None where it did not fail in a line."""
    # A program that ended badly has what it said last in place of a place.
    return None if run.place is None or run.place.startswith(f"{run.error}:") else run.place


def _kind(run: Run) -> tuple[object, ...]:
    place, error = code_place(run), run.error or ""
    # At one line of code, one type of exception is one cause, whatever it says.
    what = error.partition(":")[0] if place else re.sub(r"[0-9]+", "0", error)
    return run.outcome, run.failure, place, what
