"""`python -m benchmarks`: measure, print the table, write all of it as JSON."""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks import choosing, commands, dispatching, memory, scalars, staying
from benchmarks.command_line import add_quick, parser, say, write_json
from benchmarks.figures import Measured, Row, Target
from benchmarks.surroundings import described, surroundings
from benchmarks.tables import results_table, summary
from benchmarks.workbench import Workbench, workbench


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """One measurement, and the lines of the table that it fills."""

    measure: Callable[[Workbench], Mapping[Target, Measured]]
    targets: Sequence[Target]


BENCHMARKS = {
    "trivial": Benchmark(measure=dispatching.trivial, targets=(dispatching.TRIVIAL,)),
    "fresh": Benchmark(measure=dispatching.fresh, targets=(dispatching.FRESH,)),
    "torch": Benchmark(measure=dispatching.torch, targets=(dispatching.TORCH, dispatching.TORCH_LAUNCH)),
    "frames": Benchmark(measure=dispatching.frames, targets=(dispatching.FRAMES,)),
    "memory": Benchmark(measure=memory.memory, targets=(memory.MEMORY,)),
    "scalars": Benchmark(measure=scalars.scalars, targets=(scalars.SCALARS, scalars.EVENTS)),
    "help": Benchmark(measure=commands.help_screen, targets=(commands.HELP,)),
    "listing": Benchmark(
        measure=commands.listing,
        targets=(
            *(commands.RUNS, commands.FOUND, commands.STATUS, commands.QUEUE),
            *(commands.SHOW, commands.COMPARE, commands.REPORT, commands.LOGS),
        ),
    ),
    "growth": Benchmark(measure=commands.growth, targets=(commands.RUNS_GROWTH, commands.STATUS_GROWTH)),
    "choosing": Benchmark(measure=choosing.choosing, targets=(choosing.CHOOSING,)),
    "idle": Benchmark(measure=staying.idle, targets=(staying.IDLE_CPU, staying.IDLE_MEMORY)),
    "saving": Benchmark(measure=staying.saving, targets=(staying.SAVING, staying.SAVING_FRESH)),
}


def main(arguments: Sequence[str]) -> int:
    """Measure what is asked for; return 1 when something broke, a missed target does not count as that."""
    asked = _asked(arguments)
    names = list(dict.fromkeys(asked.names)) or list(BENCHMARKS)
    rows: list[Row] = []
    began = time.monotonic()
    with workbench(is_quick=asked.quick, say=say) as bench:
        about = surroundings(bench.folder)
        for name in names:
            say(name)
            for row in _rows(BENCHMARKS[name], bench):
                rows.append(row)
                say(summary(row))
    took_s = round(time.monotonic() - began)
    about |= {"is_quick": asked.quick, "seconds": took_s}
    write_json(asked.json, {**about, "rows": [row.to_json() for row in rows]})
    _print(rows, described(about), is_quick=asked.quick)
    print(f"\nTook {took_s} s. All pairs are in {asked.json}.")
    return 1 if any(row.problem and not row.problem.startswith(_MISSING) for row in rows) else 0


#: How the reason begins when only a package is missing.
_MISSING = "not installed"


def _asked(arguments: Sequence[str]) -> argparse.Namespace:
    asking = parser("benchmarks", __doc__, "benchmark", BENCHMARKS, "bench.json")
    add_quick(asking)
    return asking.parse_args(arguments)


def _rows(benchmark: Benchmark, bench: Workbench) -> list[Row]:
    missing = {package for target in benchmark.targets for package in target.needs if not _is_installed(package)}
    problem = f"{_MISSING}: {', '.join(sorted(missing))}" if missing else None
    measured: Mapping[Target, Measured] = {}
    if problem is None:
        try:
            measured = benchmark.measure(bench)
        except Exception as error:
            # The others are still to be measured.
            traceback.print_exc()
            problem = f"{type(error).__name__}: {error}"
    return [Row(target=target, measured=measured.get(target), problem=problem) for target in benchmark.targets]


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _print(rows: Sequence[Row], about: str, *, is_quick: bool) -> None:
    print(f"\n{about}")
    print(
        "Median of pairs taken side by side; lower is better unless the target says ≥. Runs are forked (`warm = true`) "
        "unless the line says otherwise.\n"
    )
    if is_quick:
        print("--quick: smaller than the table says, and one pair of each. It shows that everything works, no more.\n")
    print(results_table(rows))
    notes = [f"- {row.target.name}: {row.measured.beside}" for row in rows if row.measured and row.measured.beside]
    print("\n" + "\n".join(notes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
