"""What is on record of a run, and of the launch that it belongs to."""

from __future__ import annotations

import json
import platform
import subprocess
from datetime import datetime

import pytest

from mlpipeline.daemon.surroundings import RECORDED_VARIABLES
from mlpipeline.project.progress import read_progress

SCRIPT = """
    import time
    from mlpipeline import FunctionModel, Versions

    def inner():
        raise KeyError("no such [thing]")

    def train(n, fails, *, run):
        print("to output.log")
        for step in run.steps(n):
            run.log_metrics({"loss": 1 / (step + 1)}, step=step)
        if fails:
            inner()
        return {"accuracy": 0.5}

    v = Versions(fails=False)
    v.add_version("good", n=3, seed=7)
    v.add_version("bad", n=2, fails=True)
    MODEL = FunctionModel(train, v)
"""


def _runs(project):
    listed = json.loads(project.run("runs", "--json", "-n", "100").stdout)
    return {run["version"]: run for run in reversed(listed)}


def _attempt(project, run):
    folder = project.outputs / "runs" / run["run"]
    return folder, {name: json.loads((folder / "1" / f"{name}.json").read_text()) for name in ("worker", "result")}


@pytest.fixture
def git(make_project, tmp_path):
    """A project in a git repository, with an uncommitted change and a file that is not in it."""
    project = make_project(tmp_path, {"net.py": SCRIPT})
    for command in ("init -q", "add .", "-c user.name=n -c user.email=e@x commit -q -m first"):
        subprocess.run(["git", "-c", "core.hooksPath=/dev/null", *command.split()], cwd=project.root, check=True)
    project.write_script("net.py", SCRIPT + "    # changed\n")
    (project.root / "nötes.txt").write_text("not in git")
    return project


def test_everything_about_a_run_is_in_its_folder_and_in_the_history(git):
    project = git
    secret = "hunter2-0123456789"
    variables = {"FAKE_API_TOKEN": secret, "MY_PASSWORD": secret, "OMP_NUM_THREADS": "3", "LANG": "C.UTF-8"}
    done = project.run("-r", env=variables)
    assert done.returncode == 1
    runs = _runs(project)
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=project.root, text=True).strip()

    good = runs["good"]
    folder, files = _attempt(project, good)
    spec = json.loads((folder / "spec.json").read_text())
    expected = {
        "run": good["id"],
        "name": good["run"],
        "model": "net",
        "version": "good",
        "mode": "execution",
        "host": "testhost",
        "script": str(project.models_dir / "net.py"),
        "project": str(project.root),
        "model_dir": good["model_dir"],
        "start": "clean",
        "seed": 7,
        "parameters": {"fails": False, "n": 3, "seed": 7},
    }
    assert {key: spec[key] for key in expected} == expected
    worker = files["worker"]
    assert (worker["host"], worker["python"]) == ("testhost", platform.python_version())
    assert worker["command"][-4:-1] == ["run", str(folder), "1"]
    assert worker["how"].startswith("fresh")
    assert isinstance(worker["pid"], int)
    result = files["result"]
    assert (result["outcome"], result["failure"], result["traceback"]) == ("succeeded", None, None)
    assert (result["results"], result["trained"], result["prepared"]) == ({"accuracy": 0.5}, True, True)
    assert result["timings"].keys() == {"import", "train"}
    assert 0 < result["seconds"] < 30
    assert (folder / "1/output.log").read_text() == "to output.log\n"
    (loop,) = read_progress(folder / "1/progress.jsonl")
    assert (loop.done, loop.of) == (3, 3)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").open("rb")]
    assert [(line["step"], line["metrics"]["loss"]) for line in lines] == [(0, 1.0), (1, 0.5), (2, 1 / 3)]
    assert all(abs(line["time"] - datetime.now().timestamp()) < 60 for line in lines)

    _, files = _attempt(project, runs["bad"])
    result = files["result"]
    error = "KeyError: 'no such [thing]'"
    assert (result["outcome"], result["failure"], result["error"]) == ("failed", "exception", error)
    frames = [line for line in result["traceback"].splitlines() if "File" in line]
    assert [line.rpartition(" ")[2] for line in frames] == ["train", "inner"]

    events = project.history()
    of_good = {event["event"]: event for event in events if event.get("run") == good["id"]}
    assert list(of_good) == ["selected", "started", "running", "ended"]
    selected = of_good["selected"]
    assert selected["identity"] == spec["identity"]
    assert (selected["seed"], selected["parameters"]) == (7, spec["parameters"])
    assert (project.outputs / "code" / selected["code"] / "project/models/net.py").read_text() == (
        project.models_dir / "net.py"
    ).read_text()
    launch = next(event for event in events if event["event"] == "launch")
    assert launch["launch"] == selected["launch"]
    assert (launch["host"], launch["command"]) == ("testhost", "mlpipeline -r")

    environment = next(event for event in events if event["event"] == "environment")
    assert environment["launch"] == launch["launch"]
    stored = json.loads((project.outputs / "environments" / f"{environment['environment']}.json").read_text())
    assert stored["git"]["commit"] == commit
    assert "+# changed" in stored["git"]["diff"]
    assert stored["git"]["untracked"] == ["nötes.txt"]
    assert {"click", "mlpipeline"} <= stored["packages"].keys()
    assert stored["python"].startswith(platform.python_version())
    recorded = stored["environment_variables"]
    assert {"LANG": "C.UTF-8", "MLP_HOST": "testhost", "OMP_NUM_THREADS": "3"}.items() <= recorded.items()
    assert recorded.keys() <= set(RECORDED_VARIABLES)

    for path in project.outputs.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes(), path


def test_what_is_the_same_is_stored_once(git):
    project = git
    project.write_script("net.py", SCRIPT)  # as it was committed
    for _ in range(2):
        project.run("-r")
    assert len(list((project.outputs / "environments").iterdir())) == 1
    assert len(list((project.outputs / "code").iterdir())) == 1
    events = [event for event in project.history() if event["event"] == "environment"]
    assert len({event["launch"] for event in events}) == 2


def test_a_listed_environment_variable_is_recorded_too_and_without_git_there_is_none(make_project, tmp_path):
    project = make_project(
        tmp_path, {"net.py": SCRIPT}, settings='[record]\nenvironment_variables = ["DATA_VERSION"]\n'
    )
    project.run("-r", "--only", "net:good", env={"DATA_VERSION": "v3", "PATH": "/nonexistent"})
    (path,) = (project.outputs / "environments").iterdir()
    stored = json.loads(path.read_text())
    assert stored["environment_variables"]["DATA_VERSION"] == "v3"
    assert stored["git"] is None


SEEDS = """
    import random, sys
    IMPORTS
    from mlpipeline import FunctionModel, Versions

    random.random()  # what is drawn while importing changes nothing

    def train(how, *, run, seed):
        assert run.seed == seed
        if how == "through":
            import matplotlib.colors
            numbers = sys.modules["numpy"].random.rand(2)
        else:
            import numpy
            numbers = numpy.random.rand(2)
        return {"random": random.random(), "numpy": numbers.tolist(), "seed": seed}

    v = Versions()
    v.add_version("own", how="lazy", seed=42)
    v.add_version("through", how="through", seed=42)
    v.add_version("drawn", how="lazy")
    v.add_version("also drawn", how="lazy")
    MODEL = FunctionModel(train, v)
"""


def test_random_and_numpy_are_seeded_however_numpy_is_imported(make_project, tmp_path):
    project = make_project(
        tmp_path,
        {
            "lazy.py": SEEDS.replace("IMPORTS", ""),
            "top.py": SEEDS.replace("IMPORTS", "import numpy.random; numpy.random.rand()"),
        },
    )
    assert project.run("-r").returncode == 0, project.log
    results = {
        (run["model"], run["version"]): run["results"] for run in json.loads(project.run("runs", "--json").stdout)
    }
    same = [results[model, version] for model in ("lazy", "top") for version in ("own", "through")]
    assert same == [same[0]] * 4
    assert same[0]["seed"] == 42
    assert same[0]["numpy"][0] == pytest.approx(0.3745401188473625)  # NumPy's documented first number for 42
    drawn = [results[model, version] for model in ("lazy", "top") for version in ("drawn", "also drawn")]
    assert len({result["seed"] for result in drawn}) == 4
    assert len({result["random"] for result in drawn}) == 4


def test_a_drawn_seed_is_recorded_and_used_again_on_resume(make_project, tmp_path):
    script = """
    import random
    from mlpipeline import FunctionModel, Versions
    def train(*, model_dir, seed):
        first = model_dir / "first"
        if not first.exists():
            first.write_text(f"{seed} {random.random()}")
            raise RuntimeError
        return {"seed": seed, "same": first.read_text() == f"{seed} {random.random()}"}
    v = Versions()
    v.add_version("v")
    MODEL = FunctionModel(train, v)
    """
    project = make_project(tmp_path, {"net.py": script})
    assert [project.run("-r").returncode for _ in range(2)] == [1, 0]
    seeds = [event["seed"] for event in project.history() if event["event"] == "selected"]
    assert seeds[0] == seeds[1]
    assert _runs(project)["v"]["results"] == {"seed": seeds[0], "same": True}
    # What starts clean draws anew.
    project.write_script("net.py", script.replace("raise RuntimeError", "return {}"))
    assert project.run("-r").returncode == 0
    assert [event["seed"] for event in project.history() if event["event"] == "selected"][2] != seeds[0]
