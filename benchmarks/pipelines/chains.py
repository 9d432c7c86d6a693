"""A chain of small stages, each of which calls a helper in another module: computed, found, and after an edit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.pipelines.measurements import Case, Contender, Measurement, Place
from benchmarks.pipelines.processes import beyond, called, told
from benchmarks.pipelines.requirements import DVC, HAMILTON, JOBLIB
from benchmarks.workbench import BenchmarkError

_COUNT, _QUICK_COUNT = 200, 20
#: Of DVC, which takes half a second for each: what it takes is scaled to the others' count.
_DVC_COUNT = 50

_HELPER = "def scaled(values, factor):\n    return [value * factor for value in values]\n"
#: Another length as well: what Python compiled of a file is judged by its length and its time in whole seconds.
_EDITED_HELPER = "def scaled(values, factor):\n    return [value * factor + 1.0 for value in values]\n"

HIT = Measurement(
    name="hit", what="A cached stage with small inputs, in a process that runs on", unit="ms a stage", limit=0.5
)
LOADED = Measurement(name="loaded", what="The same where the value of every stage is asked for", unit="ms a stage")
CACHED = Measurement(
    name="cached",
    what="{size} cached stages in a fresh process, beyond its imports",
    unit="s",
    limit=0.2,
    is_difference=True,
)
START = Measurement(name="start", what="What that process imports of the tool first", unit="s")
FIRST = Measurement(
    name="first", what="{size} trivial stages computed for the first time", unit="s", is_difference=True
)
NOTICES = Measurement(
    name="notices",
    what="Whether an edited helper is noticed by the next process",
    unit="1 if the result was the new one, 0 if it was stale",
    limit=1,
    is_least=True,
)


def _python(script: str, header: str, decorator: str) -> Any:
    def measure(place: Place, python: Path) -> Mapping[str, float]:
        count = place.bench.size(_COUNT, _QUICK_COUNT)
        helper = place.folder / "helpers.py"
        helper.write_text(_HELPER, "utf-8")
        (place.folder / "stages.py").write_text(_stages(count, header, decorator), "utf-8")
        first = told(place, python, script, str(count))
        cached = told(place, python, script, str(count), "warm")
        if first["value"] != cached["value"]:
            raise BenchmarkError(f"it made {first['value']}, and found {cached['value']}")
        helper.write_text(_EDITED_HELPER, "utf-8")
        edited = told(place, python, script, str(count))
        return {
            FIRST.name: first["run_s"],
            CACHED.name: cached["run_s"],
            START.name: cached["import_s"],
            HIT.name: cached["hits_s"] / count * 1000,
            LOADED.name: cached["loads_s"] / count * 1000,
            NOTICES.name: float(edited["value"] != cached["value"]),
        }

    return measure


def _stages(count: int, header: str, decorator: str) -> str:
    first = f"{decorator}def s0() -> list:\n    return [1.0, 2.0, 3.0]\n"
    others = [
        f"{decorator}def s{index}(s{index - 1}: list, factor: float = 1.{index:03}) -> list:\n"
        f"    return scaled(s{index - 1}, factor)\n"
        for index in range(1, count)
    ]
    return "\n\n".join([f"{header}from helpers import scaled\n", first, *others])


def _dvc(place: Place, python: Path) -> Mapping[str, float]:
    count = place.bench.size(_DVC_COUNT, _QUICK_COUNT)
    called(place, python, "dvc", "init", "--no-scm", "--quiet")
    (place.folder / "s0").write_text("1.0\n", "utf-8")
    stages = {
        f"s{index}": {"cmd": f"cp s{index - 1} s{index}", "deps": [f"s{index - 1}"], "outs": [f"s{index}"]}
        for index in range(1, count)
    }
    # YAML can be written as JSON.
    (place.folder / "dvc.yaml").write_text(json.dumps({"stages": stages}), "utf-8")
    _, first_s = called(place, python, "dvc", "repro", "--quiet")
    _, cached_s = called(place, python, "dvc", "repro", "--quiet")
    # The same command where next to nothing is to be done.
    _, start_s = called(place, python, "dvc", "repro", "--quiet", "--single-item", "s1")
    scale = place.bench.size(_COUNT, _QUICK_COUNT) / count
    return {
        FIRST.name: beyond(first_s, start_s) * scale,
        CACHED.name: beyond(cached_s, start_s) * scale,
        START.name: start_s,
    }


def chain(*, is_quick: bool) -> Case:
    """Return the chain, for every tool that can do it."""
    return Case(
        name="chain",
        size=str(_QUICK_COUNT if is_quick else _COUNT),
        is_quick=is_quick,
        measurements=(HIT, LOADED, CACHED, START, FIRST, NOTICES),
        contenders=(
            Contender(
                name="mlpipeline",
                usage="@stage; Pipeline(stages).run(last)",
                measure=_python("chain_mlpipeline.py", "from mlpipeline import stage\n", "@stage\n"),
            ),
            Contender(
                name="joblib.Memory",
                usage="@memory.cache; each called with what the one before it returned",
                needs=JOBLIB,
                measure=_python(
                    "chain_joblib.py",
                    'import joblib\n\nmemory = joblib.Memory("cache", verbose=0)\n',
                    "@memory.cache\n",
                ),
            ),
            Contender(
                name="Hamilton",
                usage="Builder().with_modules(stages).with_cache(); execute([last])",
                needs=HAMILTON,
                measure=_python("chain_hamilton.py", "", ""),
            ),
            Contender(
                name="DVC",
                usage=f"dvc repro{'' if is_quick else ' of 50, times four'}; `cp`; less what --single-item takes",
                needs=DVC,
                measure=_dvc,
            ),
        ),
    )
