"""`python -m benchmarks.pipelines`: mlpipeline's cache and others on the same stages, in interleaved rounds."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.command_line import add_quick, add_tools, parser, say, write_json
from benchmarks.peers.installing import NotInstalled, install
from benchmarks.pipelines.arrays import big_array
from benchmarks.pipelines.chains import chain
from benchmarks.pipelines.files import hashing, taking_in
from benchmarks.pipelines.measurements import Case, Contender, Place
from benchmarks.surroundings import described, surroundings
from benchmarks.workbench import Workbench, workbench

_CASES = {"chain": chain, "hashing": hashing, "array": big_array, "link": taking_in}


def main(arguments: Sequence[str]) -> int:
    """Measure what is asked for; return 1 when something could not be measured, a missed target does not count."""
    asked = _asked(arguments)
    cases = [_CASES[name](is_quick=asked.quick) for name in list(dict.fromkeys(asked.names)) or _CASES]
    rounds = 1 if asked.quick else asked.rounds
    began = time.monotonic()
    # Otherwise who ends this leaves gigabytes behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with workbench(is_quick=asked.quick, say=say) as bench:
        about = surroundings(bench.folder)
        for case in cases:
            _measure(case, bench, asked.cache, rounds)
    about |= {"is_quick": asked.quick, "rounds": rounds, "seconds": round(time.monotonic() - began)}
    write_json(asked.json, {**about, "cases": [case.to_json() for case in cases]})
    print(f"\n{described(about)}; load {about['machine']['load'][0]:.1f} at the start")
    print(f"Median of {rounds} rounds; in each, every tool worked once, in turn.")
    if asked.quick:
        print("--quick: less work than the targets are for. It shows that everything works, no more.")
    for case in cases:
        print(f"\n{case.tables()}")
    print(f"\nTook {about['seconds']} s. All rounds, and the versions of all packages, are in {asked.json}.")
    return 1 if any(contender.problem for case in cases for contender in case.contenders) else 0


def _asked(arguments: Sequence[str]) -> argparse.Namespace:
    asking = parser("benchmarks.pipelines", __doc__, "case", _CASES, "pipelines.json")
    add_tools(asking)
    add_quick(asking)
    return asking.parse_args(arguments)


def _measure(case: Case, bench: Workbench, cache: Path, rounds: int) -> None:
    pythons = {contender.name: _python(contender, bench, cache) for contender in case.contenders}
    shared = bench.folder / case.name
    shared.mkdir()
    try:
        case.prepare(bench, shared)
        for index in range(rounds):
            # Begun by each in turn: what comes first finds the machine in another state than what follows.
            start = index % len(case.contenders)
            for contender in [*case.contenders[start:], *case.contenders[:start]]:
                _add(contender, Place(bench=bench, folder=shared / "place", shared=shared), pythons[contender.name])
    finally:
        # These files are big, and memory and disk may be shared.
        shutil.rmtree(shared)


def _python(contender: Contender, bench: Workbench, cache: Path) -> Path:
    if not contender.needs:
        return Path(sys.executable)
    bench.say(f"{contender.name}: installs it, unless that was done before")
    try:
        installed = install(contender.needs[0].partition("==")[0], contender.needs, cache)
    except NotInstalled as error:
        contender.problem = f"not installed: {error}"
        return Path()
    contender.packages = installed.packages
    return installed.commands / "python"


def _add(contender: Contender, place: Place, python: Path) -> None:
    if contender.problem is not None:
        return
    place.folder.mkdir()
    try:
        figures = contender.measure(place, python)
    except Exception as error:
        # The others are still to be measured.
        contender.problem = f"{type(error).__name__}: {error}"
        place.bench.say(f"{contender.name}: {contender.problem}")
        return
    finally:
        shutil.rmtree(place.folder)
    place.bench.say(f"{contender.name}: " + ", ".join(f"{name} {figure:.4g}" for name, figure in figures.items()))
    for name, figure in figures.items():
        contender.figures.setdefault(name, []).append(figure)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
