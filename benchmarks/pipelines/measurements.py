"""What is measured of every tool, what it should be for mlpipeline, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.tables import markdown, number
from benchmarks.workbench import Workbench


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One table: what is measured, and what mlpipeline's figure should come to."""

    name: str
    #: With `{size}` where it says how much work was done.
    what: str
    unit: str
    #: For mlpipeline; None where there is no target.
    limit: float | None = None
    #: Whether more is better, and the limit the least that will do.
    is_least: bool = False
    #: Whether 0 stands for a difference of two figures that differ by no more than such figures do by themselves.
    is_difference: bool = False


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a tool does its work once."""

    bench: Workbench
    #: Fresh, and deleted afterwards.
    folder: Path
    #: What all tools of a case share, and leave as it is.
    shared: Path


@dataclass(kw_only=True)
class Contender:
    """One way to use one tool, and what was measured of it."""

    name: str
    usage: str
    #: What is installed into an environment of its own; without it the tool is used with the Python that measures.
    needs: Sequence[str] = ()
    #: Does the work at a place with a Python, and returns a figure by the name of each measurement that it has one for.
    measure: Callable[[Place, Path], Mapping[str, float]]
    figures: dict[str, list[float]] = field(default_factory=dict)
    #: Name and version of all that was installed.
    packages: Sequence[str] = ()
    #: Why there are no figures.
    problem: str | None = None

    @property
    def is_ours(self) -> bool:
        """Whether it is mlpipeline."""
        return self.name.startswith("mlpipeline")

    @property
    def label(self) -> str:
        """Its name, with the version of the package that is measured."""
        name = self.needs[0].partition("==")[0] if self.needs else ""
        version = next((line.partition("==")[2] for line in self.packages if line.startswith(f"{name}==")), "")
        return f"{self.name} {version}" if name and version else self.name

    def to_json(self) -> dict[str, Any]:
        """Return all that was measured."""
        return {
            "name": self.name,
            "usage": self.usage,
            "figures": self.figures,
            "problem": self.problem,
            "packages": list(self.packages),
        }


@dataclass(frozen=True, kw_only=True)
class Case:
    """Work that several tools do in turn, and what is measured of it."""

    name: str
    #: How much work is done: `1 GiB`.
    size: str
    #: Whether that is less than the targets are for: there are no verdicts then.
    is_quick: bool = False
    measurements: Sequence[Measurement]
    contenders: Sequence[Contender]
    #: Makes what all share, before the first round.
    prepare: Callable[[Workbench, Path], object] = lambda _bench, _shared: None

    def to_json(self) -> dict[str, Any]:
        """Return all that was measured."""
        return {
            "name": self.name,
            "measurements": [
                {
                    "name": one.name,
                    "what": self._what(one),
                    "unit": one.unit,
                    "target": one.limit,
                    "is_least": one.is_least,
                    "is_met": self.is_met(one),
                }
                for one in self.measurements
            ],
            "tools": [contender.to_json() for contender in self.contenders],
        }

    def is_met(self, measurement: Measurement) -> bool | None:
        """Whether mlpipeline's median is within the limit; None without a limit or figures, and of less work."""
        ours = self._ours(measurement)
        if measurement.limit is None or self.is_quick or not ours:
            return None
        return median(ours) >= measurement.limit if measurement.is_least else median(ours) <= measurement.limit

    def tables(self) -> str:
        """Return a table for each measurement."""
        return "\n\n".join(self._table(measurement) for measurement in self.measurements)

    def _table(self, measurement: Measurement) -> str:
        title = f"**{self._what(measurement)}**, {measurement.unit}"
        if measurement.limit is not None and not self.is_quick:
            sign, met = ("≥" if measurement.is_least else "≤"), self.is_met(measurement)
            verdict = "not measured" if met is None else "met" if met else "not met"
            title += f"; target {sign} {number(measurement.limit)}: {verdict}"
        headings = ("tool", "median", "lowest–highest", "times mlpipeline's", "used as")
        rows = [
            self._cells(contender, measurement)
            for contender in self.contenders
            if contender.problem or measurement.name in contender.figures
        ]
        return f"{title}\n\n{markdown(headings, rows)}"

    def _cells(self, contender: Contender, measurement: Measurement) -> list[str]:
        figures = contender.figures.get(measurement.name)
        if figures is None:
            return [contender.label, f"not measured: {contender.problem}", "–", "–", contender.usage]
        ours = self._ours(measurement)
        # Round by round: a machine gets faster and slower over minutes.
        is_ratio = ours and all(ours) and all(figures)
        ratio = median(theirs / own for theirs, own in zip(figures, ours, strict=False)) if is_ratio else None
        shown = _difference if measurement.is_difference else number
        return [
            contender.label,
            shown(median(figures)),
            f"{shown(min(figures))}–{shown(max(figures))}",
            "–" if figures is ours or ratio is None else number(ratio),
            contender.usage,
        ]

    def _what(self, measurement: Measurement) -> str:
        return measurement.what.format(size=self.size)

    def _ours(self, measurement: Measurement) -> list[float]:
        own = next((contender for contender in self.contenders if contender.is_ours), None)
        return own.figures.get(measurement.name, []) if own else []


def _difference(figure: float) -> str:
    return "within noise" if figure == 0 else number(figure)
