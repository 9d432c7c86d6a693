"""`mlpipeline runs` with what is asked for, `show` and `compare`: on a project that two hosts worked on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from schemas import complaints
from support import GATE_SOURCE, Gate, Project, write_project

SCRIPT = """
import math
from mlpipeline import FunctionModel, Versions
from _gate import wait_for
from _layers import width
def train(lr, optimizer, *, run):
    for step in run.steps(50):
        loss = math.exp(-lr * step) * width()
        run.log_metrics({"loss": loss}, step=step)
    if optimizer["name"] == "bad":
        print("last words")
        raise ValueError("the optimizer is bad")
    if optimizer["name"] == "waiting":
        wait_for(GATE)
    return {"loss": loss, "test.accuracy": 1 - lr, "odd": math.nan}
versions = Versions()
versions.add_version("small", lr=0.01, optimizer={"name": "adam"})
versions.add_version("large", lr=0.1, optimizer={"name": "sgd"})
versions.add_version("broken", lr=0.5, optimizer={"name": "bad"}, retries={"exception": 1})
versions.add_version("last", lr=0.3, optimizer={"name": "waiting"})
MODEL = FunctionModel(train, versions)
"""
BOX1, BOX2 = {"MLP_HOST": "box1"}, {"MLP_HOST": "box2"}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("lookup")
    gate = Gate(folder / "open")
    scripts = {
        "_gate.py": GATE_SOURCE,
        "_layers.py": "def width():\n    return 8\n",
        "net.py": SCRIPT.replace("GATE", repr(str(gate))),
    }
    made = write_project(folder, scripts, settings="[queue]\nretry_delay = 0.1\n")
    only = [part for version in ("small", "large", "broken") for part in ("--only", f"net:{version}")]
    assert made.run("-r", *only, env=BOX1, timeout=180).returncode == 1
    made.write_script("_layers.py", "def width():\n    return 4\n")
    made.write_script("net.py", SCRIPT.replace("GATE", repr(str(gate))).replace("lr=0.01", "lr=0.02"))
    assert made.run("-r", "--only", "net:small", env=BOX2, timeout=180).returncode == 0
    made.start("-r", "--only", "net:last", env=BOX2)
    gate.wait_reached(120)
    made.wait_for("running", host="box2", count=2)
    yield made
    made.kill_everything()


def answer(project: Project, *arguments: str, env: dict[str, str] = BOX1) -> str:
    done = project.run(*arguments, env=env)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def listed(project: Project, *options: str, env: dict[str, str] = BOX1) -> list[str]:
    runs = json.loads(answer(project, "runs", "--json", *options, env=env))
    assert complaints("runs", runs) == []
    return [f"{run['version']}@{run['host']}" for run in runs]


def refused(project: Project, *arguments: str) -> str:
    done = project.run(*arguments, env=BOX1)
    assert (done.returncode, done.stdout) == (2, "")
    return done.stderr


def test_runs_lists_what_is_asked_for_on_any_host(project):
    everything = ["last@box2", "small@box2", "broken@box1", "large@box1", "small@box1"]
    assert listed(project) == everything
    for env in (BOX1, BOX2, {"MLP_HOST": "box3", "XDG_CACHE_HOME": "/dev/null"}):
        assert listed(project, "--sort", "loss", env=env) == [
            "large@box1", "small@box2", "small@box1", "last@box2", "broken@box1",
        ]  # fmt: skip
        asked = ("--where", "lr<0.1", "--where", "optimizer.name=adam", "--sort", "test.accuracy", "-n", "1")
        assert listed(project, *asked, env=env) == ["small@box1"]
    assert listed(project, "--failed") == ["broken@box1"]
    assert listed(project, "--model", "net:*l", "--where", "host=box2") == ["small@box2"]
    assert listed(project, "--where", "state=running") == ["last@box2"]
    assert listed(project, "--since", "1d") == everything
    assert listed(project, "--where", "started>today", "--where", "seconds<0") == []


def test_runs_shows_the_columns_that_are_named_and_why_a_run_failed(project):
    heading, _, *rows = answer(project, "runs", "--columns", "run,version,lr,test.accuracy").splitlines()
    assert heading.split() == ["run", "version", "lr", "test.accuracy"]
    assert rows[-1].split()[1:] == ["net:small", "0.01", "0.99"]
    assert answer(project, "runs", "--columns", "+host").splitlines()[0].split()[-2:] == ["host", "results"]
    failed = answer(project, "runs", "--failed").splitlines()[-1]
    assert "failed (exception), attempt 2" in failed
    assert failed.endswith("ValueError: the optimizer is bad")


def test_what_is_asked_for_and_there_is_none_of_is_said_with_the_nearest(project):
    said = answer(project, "runs", "--where", "lr>5")
    assert said.splitlines() == ["no such runs", "parameters.lr is known of 5 runs: from 0.01 to 0.5"]
    assert 'Did you mean "test.accuracy"?' in refused(project, "runs", "--sort", "test.acuracy")
    assert 'Did you mean "net"?' in refused(project, "runs", "--model", "met")
    assert "give --where once for each" in refused(project, "runs", "--where", "lr<0.1 and loss<2")
    assert "still to come" in refused(project, "runs", "--since", "2999-01-01")
    assert "says no time" in refused(project, "runs", "--since", "")
    assert "--columns is for people" in refused(project, "runs", "--json", "--columns", "lr")


def test_show_tells_everything_about_a_run(project):
    told = json.loads(answer(project, "show", "net:small", "--json"))
    assert complaints("show", told) == []
    assert (told["run"]["host"], told["start"], told["recorded"]) == ("box2", "clean", True)
    assert told["changes"]["parameters"] == {"lr": {"before": 0.01, "now": 0.02}}
    assert told["changes"]["files"] == ["models/_layers.py", "models/net.py"]
    assert told["last_success"]["results"]["test.accuracy"] == 0.99
    assert told["metrics"]["loss"]["step"] == 49
    assert told["metrics"]["loss"]["max"] == 4.0
    assert told["progress"] == [{"done": 50, "of": 50}]
    assert (told["command"], told["packages"]["click"]) == ("mlpipeline -r --only net:small", told["packages"]["click"])
    screen = answer(project, "show", told["run"]["id"][:5])
    assert "since before   parameters lr; code models/_layers.py, models/net.py (since" in screen

    failed = answer(project, "show", "net:broken")
    assert failed.startswith("failed (exception): ValueError: the optimizer is bad\n  at net.py:12\n")
    assert "│ last words" in failed
    assert [line.split()[0] for line in failed.splitlines() if "ValueError" in line and line[0].isdigit()] == ["1", "2"]
    running = answer(project, "show", "net:last")
    assert "state        running" in running
    by_name = json.loads(answer(project, "show", told["run"]["run"], "--json"))
    assert by_name["run"]["id"] == told["run"]["id"]
    assert 'there is no run "net-small-xxx"' in refused(project, "show", "net-small-xxx")
    (large,) = json.loads(answer(project, "runs", "--json", "--model", "net:large"))
    for model in ("net", "net.py"):
        told_runs = refused(project, "show", model)
        assert f'"{model}" is a model: name one of its runs, such as ' in told_runs
        assert f"{large['id']} (net:large)" in told_runs
        assert told_runs.count("(net:small)") == 1
    assert 'there is no run "net:lost"' in refused(project, "show", "net:lost")


def test_compare_sets_runs_side_by_side_with_the_diff_of_their_code(project):
    new, old = [run["id"] for run in json.loads(answer(project, "runs", "--json", "--model", "net:small"))]
    told = json.loads(answer(project, "compare", old, new, "net:broken", "--json"))
    assert complaints("compare", told) == []
    lr = told["parameters"][0]
    assert (lr["name"], lr["values"], lr["same"]) == ("lr", [0.01, 0.02, 0.5], False)
    loss = next(row for row in told["results"] if row["name"] == "loss")
    assert (loss["best"], loss["present"]) == ([1], [True, True, False])
    assert [file["contents"] for file in told["code"]["files"]] == [[0, 1, 0]] * 2
    assert (told["code"]["diff"], told["packages"]) == (None, [])

    lines = answer(project, "compare", old, new).splitlines()
    assert ["lr", "0.01", "0.02"] in [line.split() for line in lines]
    diff = lines[lines.index("code:") + 1 :]
    assert diff[:5] == [
        f"--- {old}/models/_layers.py", f"+++ {new}/models/_layers.py", "@@ -1,2 +1,2 @@", " def width():",
        "-    return 8",
    ]  # fmt: skip
    assert "named already" in refused(project, "compare", old, "net:small", old)
    assert "name more than" in refused(project, "compare", old)


@contextmanager
def without(*folders: Path) -> Iterator[None]:
    """Have folders gone for a while: other tests look at the same project."""
    for folder in folders:
        folder.rename(f"{folder}.aside")
    try:
        yield
    finally:
        for folder in folders:
            Path(f"{folder}.aside").rename(folder)


def test_what_was_deleted_is_told_from_history(project):
    (large,) = json.loads(answer(project, "runs", "--json", "--model", "net:large"))
    with without(Path(large["run_dir"]), project.outputs / "environments", project.outputs / "code"):
        screen = answer(project, "show", "net:large")
        assert "its run dir is gone; this is what history knows" in screen
        assert "test.accuracy   0.9" in screen
        told = json.loads(answer(project, "show", "net:large", "--json"))
        assert complaints("show", told) == []
        assert (told["recorded"], told["conditions"], told["metrics"], told["git"]) == (False, None, {}, None)
        assert "is not stored any more" in answer(project, "compare", "net:large", "net:small")
