"""What a pipeline does, and leaves undone, where everything is in the cache already: counted, not timed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAD = """
import json
import sys

from helpers import scaled
from mlpipeline import Pipeline, stage

opened, written = [], []


def hears(event, arguments):
    if event == "open":
        path, _, flags = arguments
        (written if flags & 3 else opened).append(str(path))
    elif event in ("os.mkdir", "os.rename", "os.remove", "os.link", "os.utime", "fcntl.flock"):
        written.append(event)


@stage
def s0(size: int = 3):
    return [1.5] * size

"""
END = """

sys.addaudithook(hears)
value = Pipeline(cache="cache", parameters={"size": 4, "s1.factor": 0.5}).run("LAST")
print(json.dumps({"value": value, "opened": opened, "written": written, "modules": list(sys.modules)}))
"""


def chain(count):
    """The source of a chain of stages, each of which calls a helper."""
    stages = "".join(
        f"\n@stage\ndef s{index}(s{index - 1}, factor: float = 1.5):\n    return scaled(s{index - 1}, factor)\n"
        for index in range(1, count)
    )
    return f"{HEAD}{stages}{END.replace('LAST', f's{count - 1}')}"


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What a chain of five stages and one of twenty-five did when all of it was in the cache."""
    told = {}
    for count in (5, 25):
        folder = tmp_path_factory.mktemp(f"chain-{count}")
        (folder / "helpers.py").write_text("def scaled(values, factor):\n    return [v * factor for v in values]\n")
        (folder / "script.py").write_text(chain(count))
        for _ in range(2):
            done = subprocess.run(
                [sys.executable, "script.py"], cwd=folder, check=True, capture_output=True, text=True, timeout=120
            )
        told[count] = json.loads(done.stdout)
    return told


def test_a_cached_stage_opens_one_file(seen):
    few, many = (len(seen[count]["opened"]) for count in (5, 25))
    assert many - few == 20


def test_nothing_is_locked_and_nothing_written_but_when_it_was_used(seen):
    assert seen[25]["written"] == ["os.utime"] * 25


def test_only_what_is_asked_for_is_loaded(seen):
    artifacts = {path for path in seen[25]["opened"] if "/artifacts/" in path}
    assert len(artifacts) == 1


def test_what_only_makes_or_holds_other_values_is_not_imported(seen):
    heavy = {"cloudpickle", "filelock", "numpy", "pandas", "pyarrow", "torch", "importlib.metadata", "tempfile"}
    assert heavy.intersection(seen[25]["modules"]) == set()
