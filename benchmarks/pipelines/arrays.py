"""A stage that makes a big array, found by the next process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.pipelines.measurements import Case, Contender, Measurement, Place
from benchmarks.pipelines.processes import told
from benchmarks.pipelines.requirements import JOBLIB

_SIZE_BYTES, _QUICK_SIZE_BYTES = 500_000_000, 5_000_000

AGAIN = Measurement(
    name="array again", what="An array of {size}, found and loaded in a process that runs on", unit="ms", limit=5.0
)
HIT = Measurement(name="array hit", what="The same by a fresh process, beyond its imports", unit="ms", limit=5.0)
SUM = Measurement(name="array sum", what="That, and all of it read from the page cache and added up", unit="ms")
STORED = Measurement(name="array stored", what="The array made and stored", unit="s")


def _measured(script: str, *arguments: str) -> Any:
    def measure(place: Place, python: Path) -> Mapping[str, float]:
        size = str(place.bench.size(_SIZE_BYTES, _QUICK_SIZE_BYTES))
        made = told(place, python, script, size, *arguments)
        found = told(place, python, script, size, *arguments)
        return {
            AGAIN.name: found["again_s"] * 1000,
            HIT.name: found["run_s"] * 1000,
            SUM.name: (found["run_s"] + found["sum_s"]) * 1000,
            STORED.name: made["run_s"],
        }

    return measure


def big_array(*, is_quick: bool) -> Case:
    """Return the big array, for every tool that can do it."""
    return Case(
        name="array",
        size=f"{(_QUICK_SIZE_BYTES if is_quick else _SIZE_BYTES) // 1_000_000} MB",
        is_quick=is_quick,
        measurements=(AGAIN, HIT, SUM, STORED),
        contenders=(
            Contender(name="mlpipeline", usage="Pipeline().run(big)", measure=_measured("array_mlpipeline.py")),
            Contender(
                name="joblib.Memory", usage="big()", needs=JOBLIB, measure=_measured("array_joblib.py", "loaded")
            ),
            Contender(
                name="joblib.Memory, mapped",
                usage='Memory(mmap_mode="r"); big()',
                needs=JOBLIB,
                measure=_measured("array_joblib.py", "mapped"),
            ),
        ),
    )
