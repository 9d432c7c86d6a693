"""What is measured, what it should be, and whether it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Target:
    """One line of the table: what is measured, against what, and what it should come to."""

    name: str
    what: str
    #: Of the figure and of its baseline.
    unit: str
    #: What the figure is divided by; None where it is judged as it is.
    baseline: str | None
    #: Of the ratio to the baseline, or of the figure where there is none.
    limit: float
    #: Whether the limit is the least that will do; it is the most otherwise.
    is_least: bool = False
    #: The packages that its models import.
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was measured for one target: figures, each with the baseline that was taken next to it, if there is one."""

    figures: Sequence[float]
    baselines: Sequence[float] = ()
    #: What else was seen, for people.
    beside: str = ""

    @property
    def judged(self) -> list[float]:
        """What is held against the limit: the ratio of each pair, or each figure."""
        if not self.baselines:
            return list(self.figures)
        return [figure / baseline for figure, baseline in zip(self.figures, self.baselines, strict=True)]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A target, and what was measured for it or why nothing was."""

    target: Target
    measured: Measured | None = None
    problem: str | None = None

    @property
    def is_met(self) -> bool | None:
        """Whether the median is within the limit; None when nothing was measured."""
        if self.measured is None:
            return None
        reached = median(self.measured.judged)
        return reached >= self.target.limit if self.target.is_least else reached <= self.target.limit

    def to_json(self) -> dict[str, Any]:
        """Return everything about it, with every pair."""
        target, measured = self.target, self.measured
        row: dict[str, Any] = {
            "name": target.name,
            "what": target.what,
            "unit": target.unit,
            "baseline": target.baseline,
            "target": {"at_least" if target.is_least else "at_most": target.limit},
            "is_met": self.is_met,
            "problem": self.problem,
        }
        if measured is None:
            return row
        judged = measured.judged
        row["median"], row["lowest"], row["highest"] = median(judged), min(judged), max(judged)
        row["figures"], row["baselines"] = list(measured.figures), list(measured.baselines)
        row["beside"] = measured.beside
        return row
