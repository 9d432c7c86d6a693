"""What runs again after edits of a real project, in fresh processes: as a script."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from made_up.loading import loaded, written
from made_up.projects import project_by

NET = '''
    import json
    import logging
    import features
    from nets import Net
    from vendored import weight
    from mlpipeline import Pipeline, stage

    FACTORS = {"a", "b", "c"}
    LOG = logging.getLogger(__name__)

    class Scaler:
        def scaled(self, value):
            return value * 2

    @stage
    def data():
        """Make them."""
        print("runs data", flush=True)
        numbers = [1, 2, 3]
        return features.normalize(numbers)

    @stage
    def model(data):
        print("runs model", flush=True)
        return {"net": Net(sum(data) * weight()), "scaler": Scaler()}

    @stage
    def score(model):
        print("runs score", flush=True)
        LOG.debug("scored")
        return model["scaler"].scaled(model["net"].predict(len(FACTORS)))

    MODEL = Pipeline()
    if __name__ == "__main__":
        print(MODEL.run("score"))
'''
FILES = {
    "features.py": "STEP = 1\n\ndef normalize(numbers):\n    return [number / STEP for number in numbers]\n",
    "nets.py": "class Net:\n    def __init__(self, weight):\n        self.weight = weight\n\n"
    "    def predict(self, x):\n        return self.weight + x\n",
}


@pytest.fixture
def project(make_project, tmp_path):
    project = make_project(tmp_path, {"net.py": NET, **FILES}, queue=["net.py"])
    install(tmp_path, "1.0")
    return project


def install(tmp_path, version):
    site = tmp_path / "site-packages"
    for old in site.glob("*.dist-info"):
        (old / "RECORD").unlink()
        old.rmdir()
    metadata = site / f"a_vendor-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "RECORD").write_text("vendored/__init__.py,sha256=x,1\n")
    (site / "vendored").mkdir(exist_ok=True)
    (site / "vendored" / "__init__.py").write_text("def weight():\n    return 1\n")


def test_what_an_edit_reaches_runs_again_and_nothing_else(project, tmp_path):
    environment = {"PYTHONPATH": str(tmp_path / "site-packages")}

    def ran(*arguments):
        command = [sys.executable, *(arguments or [project.models_dir / "net.py"])]
        done = subprocess.run(
            command, cwd=project.models_dir, env=project.environment(environment), capture_output=True, text=True,
            check=True, timeout=120,
        )  # fmt: skip
        assert done.stderr == ""
        return [line.removeprefix("runs ") for line in done.stdout.splitlines() if line.startswith("runs")]

    def edit(
        name, *pairs
    ):  # Always to another length: Python sees by that, and by whole seconds, what to compile anew.
        path = project.models_dir / name
        for old, new in pairs:
            assert old in path.read_text("utf-8")
            path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")

    assert ran() == ["data", "model", "score"]
    # The queue imports the script, and another process has other hashes; all find what the script made.
    queue = project.run("pipeline", "run", "net", "score", env={**environment, "PYTHONHASHSEED": "7"})
    assert (queue.returncode, "runs" in queue.stdout + queue.stderr) == (0, False), queue.stderr
    edit(
        "net.py", ('"""Make them."""', "# another comment\n"), ("numbers", "found"), ("import json", "import json, sys")
    )
    edit("features.py", ("STEP = 1", "\n\nSTEP = (1)\nOTHER = 2"), ("number / STEP for number in", "n / STEP for n in"))
    assert ran() == []

    edit("nets.py", ("self.weight + x", "self.weight * x * 1"))
    assert ran() == ["model", "score"]
    # A class of the script itself, too, is stored by its name.
    edit("net.py", ("value * 2", "value * 3"))
    assert ran() == ["model", "score"]
    edit("net.py", ('"b", "c"}', '"b"}'))
    assert ran() == ["score"]
    edit("features.py", ("(1)", "1.00"))
    # What comes out is what it was: nothing else runs.
    assert ran() == ["data"]
    install(tmp_path, "1.1")
    assert ran() == ["model"]

    # A session that is open since before an edit runs what it has imported.
    session = """if True:
        import net, logging
        open("features.py", "a").write("\\n")
        source = open("features.py").read().replace("n / STEP", "n * STEP")
        open("features.py", "w").write(source)
        net.MODEL.run("score")
    """
    done = subprocess.run(
        [sys.executable, "-c", session], cwd=project.models_dir, env=project.environment(environment),
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert done.stdout.startswith("runs data\n")
    assert "stage data runs every time, because nobody can tell whether its code changed" in done.stderr
    assert "features.normalize: models/features.py was edited after it was imported" in done.stderr


OF_ATTRS = """
import attrs
from mlpipeline import Pipeline, stage

@attrs.frozen
class Item:
    x: int = 1

@stage
def out():
    print("runs out")
    return len({Item(1), Item(2)})

Pipeline().run("out")
"""


def test_a_class_of_attrs_is_the_same_in_another_process(tmp_path):
    (tmp_path / "main.py").write_text(OF_ATTRS, "utf-8")
    printed = [
        subprocess.run(
            [sys.executable, "main.py"], cwd=tmp_path, env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True, timeout=120,
        )
        for seed in ("1", "2")
    ]  # fmt: skip
    assert [(done.stdout, done.stderr) for done in printed] == [("runs out\n", ""), ("", "")]


KEYS = """if True:
    import json, sys
    from pathlib import Path
    from made_up.loading import loaded
    print(json.dumps([loaded(Path(folder), stage).key for folder, stage in json.load(sys.stdin)]))
"""


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_another_process_with_other_hashes_finds_the_same_keys_elsewhere(hash_seed, tmp_path):
    projects = [project_by(random.Random(seed)) for seed in range(20)]
    here = [loaded(written(one, tmp_path / f"{at}"), one.stage.name).key for at, one in enumerate(projects)]
    there = [
        (str(written(one, tmp_path / "moved" / f"a{at}")), one.stage.name)
        for at, one in reversed([*enumerate(projects)])
    ]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", KEYS], input=json.dumps(there), env=environment, capture_output=True, text=True,
        check=True, timeout=120,
    )  # fmt: skip
    assert [*reversed(json.loads(done.stdout))] == here
