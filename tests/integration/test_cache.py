"""What is kept of stages: damaged, on a full disk, shared by processes; and the verbs that look at it."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys

import pytest
from schemas import complaints
from small_disk import SmallDisk
from support import GATE_SOURCE, Gate, Started, wait_until, write_project

from mlpipeline import Pipeline, stage
from mlpipeline.pipelines.watching import SILENT

SMALL, LARGE = 10, 300_000


class Seen:
    """What was heard of the stages."""

    def __init__(self):
        self.ran_, self.found_, self.warned = [], [], []

    def found(self, call, made):
        self.found_.append(call.name)

    def ran(self, call, seconds, size_bytes):
        self.ran_.append((call.name, size_bytes is not None))

    def warns(self, message):
        self.warned.append(message)

    def __getattr__(self, name):
        return getattr(SILENT, name)

    @property
    def names(self):
        return [name for name, _ in self.ran_]


class Unlike(dict):
    """Of a type that only pickle can store."""


#: What the stages of `chain` say that they make; a test may change it.
SAID = {"load": 0, "calls": 0}


@stage(version=1)
def load(size):
    import numpy as np

    return np.full(size, SAID["load"])


@stage(version=1)
def middle(load):
    return {"sum": int(load.sum())}


@stage(version=1)
def ends(load, middle):
    return Unlike(sum=middle["sum"], first=int(load[0]))


@pytest.fixture
def folder(tmp_path):
    SAID["load"] = 1
    return tmp_path / "cache"


def run(folder, size=SMALL, outputs=("ends",), **options):
    """Run the chain in this process, and return what came out and what was heard of it."""
    pipeline = Pipeline(stages=[load, middle, ends], cache=folder, parameters={"size": size})
    seen = Seen()
    execution, names = pipeline.execute(outputs, inputs={}, watcher=seen, **options)
    return {name: execution.artifacts[name].value() for name in names}, seen


def artifact(folder, suffix):
    (path,) = (folder / "1" / "artifacts").glob(f"*{suffix}")
    return path


def spoil(path, at=-1):
    """Change a byte, with the size as it was."""
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def forget(folder, stage):
    """Have a stage run again, as if its code had changed."""
    for record in (folder / "1" / "made" / stage).iterdir():
        record.unlink()


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_what_is_damaged_is_made_again_with_one_warning(folder, size):
    first, _ = run(folder, size)
    for suffix, name in ((".npy", "load"), (".pkl", "ends")):
        spoil(artifact(folder, suffix))
        if name == "load":
            forget(folder, "ends")  # Otherwise nobody needs it.
        again, seen = run(folder, size)
        assert again == first
        assert seen.warned == [f'{name}: "{name}" in the cache is damaged: its content has changed: it is made again']
        assert seen.names == (["load", "ends"] if name == "load" else ["ends"])
        assert run(folder, size)[1].found_ == ["load", "middle", "ends"]


def test_what_is_cut_short_gone_or_of_a_broken_record_is_made_again_with_one_warning(folder):
    first, _ = run(folder)
    path = artifact(folder, ".npy")
    path.chmod(0o644)
    (record,) = (folder / "1" / "made" / "load").iterdir()
    for harm in (lambda: os.truncate(path, 3), path.unlink, lambda: record.write_bytes(b"\0" * 100)):
        harm()
        again, seen = run(folder)
        assert again == first
        assert (seen.names, len(seen.warned)) == (["load"], 1)
        path.chmod(0o644)


def test_the_inputs_of_what_is_damaged_may_be_damaged_too(folder):
    first, _ = run(folder)
    for suffix in (".npy", ".json", ".pkl"):
        spoil(artifact(folder, suffix))
    again, seen = run(folder)
    assert again == first
    assert (seen.names, len(seen.warned)) == (["load", "middle", "ends"], 3)
    assert run(folder)[1].names == []


def test_what_comes_out_different_when_it_is_made_again_reaches_all_that_follows(folder):
    run(folder)
    spoil(artifact(folder, ".npy"))
    SAID["load"] = 2
    forget(folder, "ends")
    again, seen = run(folder, outputs=("middle", "ends"))
    # `middle` was found, before anybody needed what it was made of.
    assert again == {"middle": {"sum": 20}, "ends": {"sum": 20, "first": 2}}
    assert seen.names == ["load", "middle", "ends"]
    assert run(folder)[1].names == []


def test_a_disk_that_loses_all_it_gets_keeps_nobody_at_it_for_ever(folder, monkeypatch):
    from mlpipeline.pipelines import cache

    real = cache.Cache.put

    def put(*arguments):
        made = real(*arguments)
        for path in (folder / "1" / "artifacts").iterdir():
            spoil(path)
        return made

    monkeypatch.setattr(cache.Cache, "put", put)
    for _ in range(2):
        again, seen = run(folder)
        assert again == {"ends": {"sum": 10, "first": 1}}
        assert len(seen.names) < 20


def test_the_cache_stays_where_it_was_when_the_pipeline_was_made(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)

    @stage
    def wanders() -> int:
        os.chdir("elsewhere")
        return 1

    Pipeline(stages=[wanders], cache="cache").run()
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert [path.name for path in (tmp_path / "cache" / "1" / "made").iterdir()] == ["wanders"]


def test_what_is_forced_runs_though_it_is_there(folder):
    run(folder)
    assert run(folder, force=["middle"])[1].names == ["middle"]


def every_kind():
    """A value of each kind that is stored in a way of its own, and how it is shown whole."""
    import numpy as np

    values = {
        "array": np.arange(7),
        "large": np.arange(200_000),
        "number": 1.5,
        "table": {"a": [1, None, True], "b": "ä"},
        "text": "Zeile 1\nZeile 2\n",
        "data": bytes(range(256)),
        "odd": Unlike(a=1),
        "arrays": {"x": np.arange(3), "y": [np.arange(4)]},
    }
    if importlib.util.find_spec("pandas"):
        import pandas as pd

        values["frame"] = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    return values


HARMS = {
    "first byte": lambda path: spoil(path, 0),
    "byte in the middle": lambda path: spoil(path, path.stat().st_size // 2),
    "last byte": lambda path: spoil(path, -1),
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "emptied": lambda path: os.truncate(path, 0),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "deleted": lambda path: path.unlink(),
}


def test_whatever_happens_to_a_file_of_an_artifact_of_whatever_kind_it_is_made_again(folder):
    values = every_kind()
    stages = [stage(name, version=1)(lambda value=value: value) for name, value in values.items()]
    pipeline = Pipeline(stages=stages, cache=folder)

    def once():
        seen = Seen()
        execution, _ = pipeline.execute(inputs={}, watcher=seen)
        return {name: repr(execution.artifacts[name].value()) for name in values}, seen

    right = {name: repr(value) for name, value in values.items()}
    assert once()[0] == right
    for path in sorted((folder / "1" / "artifacts").rglob("*")):
        for harm, do in HARMS.items() if path.is_file() else ():
            path.chmod(0o644)
            do(path)
            again, seen = once()
            assert again == right, (path, harm)
            assert (len(seen.names), len(seen.warned)) == (1, 1), (path, harm, seen.warned)
    assert once()[1].names == []


@pytest.fixture
def disk(tmp_path):
    made = SmallDisk(tmp_path / "disk")
    yield made
    made.unmount()


def test_without_room_values_are_handed_on_in_memory_with_one_warning_and_nothing_is_left_half_written(disk, tmp_path):
    SAID["load"] = 1
    folder = tmp_path / "disk" / "cache"
    value, seen = run(folder, LARGE)
    assert value == {"ends": {"sum": LARGE, "first": 1}}
    (warning,) = seen.warned
    assert re.search(r': "load": .*(No space left on device|is the disk full\?)$', warning)
    assert seen.ran_ == [("load", False), ("middle", False), ("ends", False)]
    assert [path.name for path in (folder / "1").rglob("*") if path.is_file()] == []
    disk.take_the_rest()
    value, seen = run(tmp_path / "disk" / "other")
    assert value == {"ends": {"sum": SMALL, "first": 1}}
    assert len(seen.warned) == 1
    disk.make_room()
    assert run(folder)[1].ran_ == [("load", True), ("middle", True), ("ends", True)]
    disk.mount("-o", "remount,ro")
    assert run(folder)[1].names == []
    spoiled, seen = run(folder, SMALL + 1)
    assert spoiled == {"ends": {"sum": SMALL + 1, "first": 1}}
    assert [warning.endswith(': "load": Read-only file system') for warning in seen.warned] == [True]


def test_a_pickle_of_another_user_is_made_again(folder):
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    first, _ = run(folder)
    path = artifact(folder, ".pkl")
    os.chown(path, 12345, -1)
    again, seen = run(folder)
    assert again == first
    assert seen.warned == [
        'ends: "ends" in the cache is damaged: another user wrote it, uid 12345, and it is a pickle: it is made again'
    ]
    assert artifact(folder, ".pkl").stat().st_uid == 0
    assert run(folder)[1].warned == []


def test_a_script_that_waits_for_what_another_makes_says_for_whom(tmp_path):
    gate = Gate(tmp_path / "gate")
    (tmp_path / "_gate.py").write_text(GATE_SOURCE)
    (tmp_path / "main.py").write_text(WAITING.format(gate=gate))
    both = []
    try:
        for name in ("first", "second"):
            out, err = tmp_path / f"{name}.out", tmp_path / f"{name}.err"
            both.append(Started([sys.executable, "main.py"], out=out, err=err, cwd=tmp_path))
            gate.wait_reached(60)
        first, second = both
        told = f"stage slow is being made by process {first.pid} on "
        wait_until(lambda: told in second.err, 60, lambda: second.err)
    finally:
        gate.open()
        for one in both:
            one.wait(60)
    assert (first.out, first.err, second.out) == ("2\n", "", "2\n")
    assert second.err.count("\n") == 1
    assert second.err.endswith(": waiting\n")


WAITING = """
from _gate import wait_for
from mlpipeline import Pipeline, stage


@stage
def slow():
    wait_for("{gate}")
    return 1


@stage
def out(slow):
    return slow + 1


print(Pipeline().run("out"))
"""

SCRIPT = """
    import time
    from mlpipeline import Pipeline, stage

    @stage
    def train_data():
        return list(range(1000))

    @stage
    def train_model(train_data, epochs: int = 3):
        return {"weights": [sum(train_data) * epochs]}

    if __name__ == "__main__":
        for epochs in (1, 2):
            print(Pipeline(parameters={"epochs": epochs}).run())
            time.sleep(0.05)  # What was used later has a later time: those of files move on every 10 ms at most.
"""


#: The stages of what that leaves in the cache, what was used last first.
MADE = ["train_model", "train_data", "train_model"]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = write_project(tmp_path_factory.mktemp("cache"), {"net.py": SCRIPT})
    script = project.models_dir / "net.py"
    subprocess.run([sys.executable, script], check=True, capture_output=True, timeout=120)
    return project


def cache(project, *arguments):
    """What a verb says."""
    return project.run("cache", *arguments)


def cache_json(project, verb, *arguments):
    done = cache(project, verb, "--json", *arguments)
    said = json.loads(done.stdout)
    assert complaints(f"cache-{verb}", said) == []
    return said


def test_ls_lists_what_stages_made(project):
    lines = cache(project, "ls").stdout.splitlines()
    # What the second pipeline found was used after what only the first one made.
    assert [line.split()[:-4][:2] for line in lines[2:5]] == [
        *(["train_model", "epochs=2"], ["train_data", "train_data"], ["train_model", "epochs=1"])
    ]
    assert "3 records of 2 stages" in lines[-1]
    assert str(project.outputs / "cache") in lines[-1]
    assert len(cache(project, "ls", "train_data").stdout.splitlines()) == 5
    done = cache(project, "ls", "train_dat")
    assert (done.returncode, done.stderr.split(".")[-1]) == (1, ' Did you mean "train_data"?\n')
    said = cache_json(project, "ls")
    assert [record["stage"] for record in said["records"]] == MADE
    assert [record["parameters"] for record in said["records"]] == [{"epochs": "2"}, {}, {"epochs": "1"}]
    assert said["size_bytes"] > said["records"][1]["size_bytes"] > 1000


def test_the_projects_own_gc_and_doctor_leave_the_cache_alone(project):
    assert cache_json(project, "verify")["damaged"] == []
    assert "nothing to delete" in project.run("gc", "--dry-run").stdout
    assert "outputs/cache" not in project.run("doctor").stdout


def test_verify_names_what_is_damaged_and_gc_takes_what_is_used_least(project):
    path = next((project.outputs / "cache" / "1" / "artifacts").iterdir())
    whole = path.read_bytes()
    spoil(path)
    done = cache(project, "verify")
    assert done.returncode == 1
    assert f"1/artifacts/{path.stem[:8]}….json" in done.stdout
    assert max(map(len, done.stdout.splitlines())) < 120
    assert "its content has changed" in done.stdout
    (damaged,) = cache_json(project, "verify")["damaged"]
    assert (damaged["path"], damaged["stage"] in ("train_model", "train_data")) == (str(path), True)
    path.write_bytes(whole)
    assert cache(project, "verify").returncode == 0

    size = cache_json(project, "ls")["size_bytes"]
    shown = cache(project, "gc", "--max-size", str(size - 1), "--dry-run").stdout
    assert "to be freed: 1 record, 1 artifact; 2 records left" in shown
    said = cache_json(project, "gc", "--max-size", str(size - 1))
    assert [item["stage"] for item in said["items"]] == ["train_model"] * 2
    assert said["freed_bytes"] > 100
    assert said["left_bytes"] == cache_json(project, "ls")["size_bytes"]
    done = cache(project, "gc", "--max-size", "lots")
    assert done.returncode == 2
    assert "expected a size, such as" in done.stderr


def test_without_a_project_it_is_the_cache_here(tmp_path, project):
    done = subprocess.run(
        [sys.executable, "-m", "mlpipeline", "-C", str(tmp_path), "cache", "ls"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == f"there is no cache yet: {tmp_path / '.mlp-cache'}\n"
    done = cache(project, "ls", "--folder", str(project.models_dir))
    assert (done.returncode, "is no cache: it holds" in done.stderr) == (1, True)
    done = cache(project, "verify", "--folder", str(tmp_path / "nowhere"))
    assert (done.returncode, "there is no folder" in done.stderr) == (1, True)
