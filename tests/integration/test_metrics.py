"""Metrics on record: in `metrics.jsonl` before the call returns, and as TensorBoard events."""

from __future__ import annotations

import json
import math

from support import read_events

HEAD = """
import json, os, signal, sys, threading
from mlpipeline import FunctionModel, Versions
FILE = os.path.join(os.environ.get("MLP_RUN_DIR", ""), "metrics.jsonl")

def lines():
    with open(FILE) as file:
        return [json.loads(line) for line in file]
"""

TAIL = """
v = Versions()
v.add_version("v")
MODEL = FunctionModel(train, v)
"""


def _script(body: str) -> str:
    return f"{HEAD}\n{body}\n{TAIL}"


def _folders(project):
    return {path.name.rpartition("-v-")[0]: path for path in (project.outputs / "runs").iterdir()}


def _lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").open("rb")]


def test_a_metric_is_on_record_when_the_call_returns_and_survives_whatever_comes(make_project, tmp_path):
    project = make_project(
        tmp_path,
        {
            "killed.py": _script("""
def train(run):
    for step in range(5):
        run.log_metrics({"loss": 1 / (step + 1), "nan": float("nan")}, step=step)
        assert len(lines()) == step + 1
    os.kill(os.getpid(), signal.SIGKILL)
"""),
            "threads.py": _script("""
def train(run):
    def log(thread):
        for step in range(100):
            run.log_metrics({f"m{thread}": step, "text" * 50: 0.5}, step=step)
    threads = [threading.Thread(target=log, args=(number,)) for number in range(8)]
    [thread.start() for thread in threads], [thread.join() for thread in threads]
    assert len(lines()) == 800
"""),
            "closed.py": _script("""
def train(run):
    run.log_metrics({"a": 1})
    os.closerange(3, 256)
    own = open("own-file", "w")
    run.log_metrics({"a": 2})
    own.write("mine")
"""),
            "forked.py": _script("""
def train(run):
    run.log_metrics({"a": 1})
    if os.fork() == 0:
        run.log_metrics({"a": 2})
        os._exit(0)
    os.wait()
    run.log_metrics({"a": 3})
"""),
            "wrong.py": _script("""
def train(run):
    run.log_metrics({"good": 1})
    run.log_metrics({"loss": "low"})
"""),
        },
    )
    done = project.run("-r")
    assert done.returncode == 1
    runs = {run["model"]: run for run in json.loads(project.run("runs", "--json").stdout)}
    assert {model: run["outcome"] for model, run in runs.items()} == {
        "killed": "failed",
        "threads": "succeeded",
        "closed": "succeeded",
        "forked": "succeeded",
        "wrong": "failed",
    }
    folders = _folders(project)
    killed = _lines(folders["killed"])
    assert [(line["step"], line["metrics"]["loss"]) for line in killed] == [(i, 1 / (i + 1)) for i in range(5)]
    assert all(math.isnan(line["metrics"]["nan"]) for line in killed)
    by_name = {f"m{number}": [] for number in range(8)}
    for line in _lines(folders["threads"]):
        name = next(iter(line["metrics"]))
        by_name[name].append((line["step"], line["metrics"][name]))
    assert by_name == {name: [(step, step) for step in range(100)] for name in by_name}
    assert [line["metrics"]["a"] for line in _lines(folders["closed"])] == [1, 2]
    assert (project.root / "own-file").read_text() == "mine"
    assert [line["metrics"]["a"] for line in _lines(folders["forked"])] == [1, 2, 3]
    assert runs["wrong"]["error"].startswith("loss: is a str, not one number. Give an int, a float")
    assert 'run.log_metrics({"loss": "low"})' in project.log


def test_all_metrics_become_tensorboard_events(make_project, tmp_path):
    project = make_project(
        tmp_path,
        {
            "net.py": _script("""
def train(run):
    for step in range(500):
        run.log_metrics({"loss": step / 2, "accuracy": step}, step=step * 10)
    run.log_metrics({"counted": 5})
    run.log_metrics({"counted": 6, "loss": -1})
    run.log_metrics({"nan": float("nan"), "inf": float("inf")}, step=1)
"""),
            "failing.py": _script("""
def train(run):
    run.log_metrics({"loss": 1}, step=0)
    raise RuntimeError
"""),
        },
    )
    assert project.run("-r").returncode == 1
    folders = _folders(project)
    events = read_events(folders["net"])
    assert [(step, value) for name, step, value in events if name == "accuracy"] == [
        (step * 10, step) for step in range(500)
    ]
    assert len([name for name, _, _ in events if name == "loss"]) == 501
    assert [(step, value) for name, step, value in events if name == "counted"] == [(0, 5), (1, 6)]
    assert [math.isnan(value) for name, _, value in events if name == "nan"] == [True]
    assert read_events(folders["failing"]) == [("loss", 0, 1)]


IMPORTED = """
def train(run):
    LOG
    return {"imported": sorted(name for name in sys.modules if name.partition(".")[0] == "tensorboardX")}
"""


def test_tensorboard_is_not_imported_where_it_has_nothing_to_do(make_project, tmp_path):
    silent = _script(IMPORTED.replace("LOG", "pass"))
    project = make_project(tmp_path / "a", {"net.py": silent})
    other = make_project(
        tmp_path / "b",
        {"net.py": _script(IMPORTED.replace("LOG", 'run.log_metrics({"loss": 1})'))},
        settings="[record]\ntensorboard = false\n",
    )
    for each in (project, other):
        assert each.run("-r").returncode == 0
        (run,) = json.loads(each.run("runs", "--json").stdout)
        assert run["results"] == {"imported": []}
        assert not list(each.outputs.rglob("events.out*"))
    assert (other.outputs / "runs" / run["run"] / "metrics.jsonl").exists()


def test_torch_is_imported_by_whom_it_is_for_alone(make_project, tmp_path):
    script = _script("""
def train(run):
    before = list(sys.meta_path)
    run.log_metrics({"loss": 1})
    assert "tensorboardX" in sys.modules
    assert "torch" not in sys.modules
    assert sys.meta_path == before
    import torch
    assert torch.Tensor == "a tensor"
""")
    project = make_project(tmp_path, {"net.py": script, "torch.py": "Tensor = 'a tensor'"}, queue=["net.py"])
    assert project.run("-r").returncode == 0
    assert read_events(_folders(project)["net"]) == [("loss", 0, 1)]


def test_a_broken_tensorboard_is_one_warning_and_no_failure(make_project, tmp_path):
    script = _script("""
def train(run):
    for step in range(50):
        run.log_metrics({"loss": step}, step=step)
""")
    # Hides the installed one, as a script that is called so would.
    project = make_project(
        tmp_path, {"net.py": script, "tensorboardX.py": "raise ImportError('no protobuf here')"}, queue=["net.py"]
    )
    assert project.run("-r").returncode == 0
    folder = _folders(project)["net"]
    assert len(_lines(folder)) == 50
    assert (folder / "1/output.log").read_text() == (
        "TensorBoard events are not written: no protobuf here. The metrics are in metrics.jsonl.\n"
    )
