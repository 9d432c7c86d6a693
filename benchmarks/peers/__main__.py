"""`python -m benchmarks.peers`: other tools, mlpipeline and a bare shell loop on the same trivial work."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.command_line import add_tools, parser, say, write_json
from benchmarks.peers.installing import Installed, NotInstalled
from benchmarks.peers.rounds import Round
from benchmarks.peers.tools import TOOLS, Tool
from benchmarks.projects import Loop, Project, model_script
from benchmarks.surroundings import described, surroundings
from benchmarks.tables import markdown, number
from benchmarks.workbench import Workbench, workbench

#: How many experiments of mlpipeline, and of the bare loop beside each round, are timed.
_OWN_COUNT, _BARE_COUNT = 50, 20
_HEADINGS = ("tool", "ms per experiment", "bare loop", "ratio", "lowest–highest", "a process each", "used as")


@dataclass(kw_only=True)
class Entry:
    """A line of the table in the making."""

    name: str
    usage: str
    is_isolated: bool
    #: Works through one round, of that number, and says how long an experiment took, in milliseconds.
    work: Callable[[int], float]
    packages: Sequence[str] = ()
    figures: list[float] = field(default_factory=list)
    baselines: list[float] = field(default_factory=list)
    #: Why there is no figure.
    problem: str | None = None

    @property
    def ratios(self) -> list[float]:
        """The ratio of each pair."""
        return [figure / baseline for figure, baseline in zip(self.figures, self.baselines, strict=True)]

    def cells(self) -> list[str]:
        """Return the line."""
        isolated = "yes" if self.is_isolated else "no"
        if self.problem is not None:
            return [self.name, f"not measured: {self.problem}", "–", "–", "–", isolated, self.usage]
        return [
            self.name,
            number(median(self.figures)),
            number(median(self.baselines)),
            number(median(self.ratios)),
            f"{number(min(self.ratios))}–{number(max(self.ratios))}",
            isolated,
            self.usage,
        ]

    def to_json(self) -> dict[str, Any]:
        """Return all that was measured."""
        return {
            "name": self.name,
            "usage": self.usage,
            "is_isolated": self.is_isolated,
            "unit": "ms",
            "figures": self.figures,
            "baselines": self.baselines,
            "ratio": median(self.ratios) if self.figures else None,
            "problem": self.problem,
            "packages": list(self.packages),
        }


def main(arguments: Sequence[str]) -> int:
    """Measure in interleaved rounds, each beside the bare loop; return 1 when something could not be measured."""
    asked = _asked(arguments)
    with workbench(is_quick=False, say=say) as bench:
        about = surroundings(bench.folder)
        wanted = [tool for tool in TOOLS if not asked.names or tool.name in asked.names]
        entries = [_own_entry(bench, is_warm=True), _own_entry(bench, is_warm=False)]
        entries += [_entry(tool, bench, asked.cache) for tool in wanted]
        bare = Loop(bench, "bare", "trivial")
        for number_of_round in range(asked.rounds):
            for index, entry in enumerate(entries):
                _add_pair(entry, bench, bare, number_of_round * len(entries) + index)
    write_json(asked.json, {**about, "rounds": asked.rounds, "rows": [entry.to_json() for entry in entries]})
    print(f"\n{described(about)}")
    print(f"Median of {asked.rounds} rounds, each beside a bare loop of `python train.py`.\n")
    print(markdown(_HEADINGS, [entry.cells() for entry in entries]))
    print(f"\nAll pairs, and the versions of all packages, are in {asked.json}.")
    return 1 if any(entry.problem for entry in entries) else 0


def _asked(arguments: Sequence[str]) -> argparse.Namespace:
    asking = parser("benchmarks.peers", __doc__, "tool", [tool.name for tool in TOOLS], "peers.json")
    add_tools(asking)
    return asking.parse_args(arguments)


def _own_entry(bench: Workbench, *, is_warm: bool) -> Entry:
    def work(number_of_round: int) -> float:
        project = Project(bench, f"own-{number_of_round}", is_warm=is_warm)
        project.write_script("model.py", model_script("trivial", _OWN_COUNT))
        project.save_queue("model.py")
        took = project.launch()
        project.check_succeeded(_OWN_COUNT)
        return took / _OWN_COUNT * 1000

    setting = "warm" if is_warm else "fresh"
    return Entry(
        name=f"mlpipeline, {setting}",
        usage=f"mlpipeline -r, warm = {str(is_warm).lower()}",
        is_isolated=True,
        work=work,
    )


def _entry(tool: Tool, bench: Workbench, cache: Path) -> Entry:
    bench.say(f"{tool.name}: installs it, unless that was done before")
    try:
        installed = tool.install(cache)
    except NotInstalled as error:
        entry = Entry(name=tool.name, usage=tool.usage, is_isolated=tool.is_isolated, work=lambda _: 0.0)
        entry.problem = f"not installed: {error}"
        return entry
    return Entry(
        name=tool.name,
        usage=tool.usage,
        is_isolated=tool.is_isolated,
        work=lambda number_of_round: _round_ms(tool, installed, bench, number_of_round),
        packages=installed.packages,
    )


def _round_ms(tool: Tool, installed: Installed, bench: Workbench, number_of_round: int) -> float:
    place = Round(
        bench=bench,
        root=bench.folder / f"peer-{number_of_round}",
        commands=installed.commands,
        rates=[f"{(index + 1) / 100_000:.5f}" for index in range(tool.count)],
        settings=tool.settings,
    )
    tool.prepare(place)
    began = time.perf_counter()
    tool.work(place)
    took = time.perf_counter() - began
    tool.finish(place)
    return took / tool.count * 1000


def _add_pair(entry: Entry, bench: Workbench, bare: Loop, number_of_round: int) -> None:
    if entry.problem is not None:
        return
    bench.say(entry.name)
    try:
        figure = entry.work(number_of_round)
        baseline = bare.seconds(_BARE_COUNT, number_of_round) / _BARE_COUNT * 1000
    except Exception as error:
        # The others are still to be measured.
        entry.problem = f"{type(error).__name__}: {error}"
        return
    entry.figures.append(figure)
    entry.baselines.append(baseline)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
