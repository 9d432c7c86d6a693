"""`mlpipeline -r --watch`: waits for work, takes up what is saved, and ends when it is told to."""

from __future__ import annotations

import json
import shutil
import signal

import pytest
from record import edit
from support import GATE_SOURCE, Gate, wait_until

SCRIPT = """
from mlpipeline import FunctionModel, Versions
from {module} import factor
def train(x):
    return {{"y": x * factor}}
versions = Versions()
versions.add_version("v", x=1)
MODEL = FunctionModel(train, versions)
"""
#: What wakes a daemon that would else look again after 30 s.
SOON_S = 20


class Watching:
    """A daemon that stays, and what it ran so far."""

    def __init__(self, project):
        self.project = project
        self.daemon = project.start("-r", "-u", "--watch")
        self.wait_idle()

    def wait_idle(self):
        wait_until(lambda: "nothing to run" in self.project.log, message=lambda: self.daemon.err)

    def ran(self):
        runs = {event["run"]: event for event in self.project.history() if event["event"] == "selected"}
        ended = [event for event in self.project.history() if event["event"] == "ended"]
        return [f"{runs[event['run']]['model']}:{runs[event['run']]['version']}" for event in ended]

    def wait_ran(self, *keys):
        wait_until(lambda: self.ran() == list(keys), SOON_S, lambda: f"{keys}, but {self.ran()}\n{self.project.log}")

    def end(self):
        self.daemon.send_signal(signal.SIGINT)
        return self.daemon.wait(10)


@pytest.fixture
def watching(make_project, tmp_path):
    project = make_project(tmp_path, {"_x.py": "factor = 1\n"}, queue=[])
    (project.root / "lib").mkdir()
    (project.root / "lib" / "deep.py").write_text("factor = 2\n")
    return Watching(project)


def test_an_empty_queue_waits_and_each_save_is_taken_up(watching):
    project = watching.project
    project.write_script("a.py", SCRIPT.format(module="_x"))
    project.write_queue(["a.py"])
    watching.wait_ran("a:v")

    edit(project, "a.py", "MODEL =", 'versions.add_version("w", x=2)\nMODEL =')
    watching.wait_ran("a:v", "a:w")

    edit(project, "a.py", "x=2", "x=3")
    watching.wait_ran("a:v", "a:w", "a:w")

    # Taken back: what lies in the model dir is of the edit.
    edit(project, "a.py", "x=3", "x=2")
    watching.wait_ran("a:v", "a:w", "a:w", "a:w")

    project.write_script("_x.py", "factor = 3\n")
    watching.wait_ran("a:v", "a:w", "a:w", "a:w", "a:v", "a:w")

    assert watching.end() == 130
    assert project.processes() == []


def test_what_is_edited_while_it_runs_comes_up_again_when_that_is_over(watching, tmp_path):
    project, gate = watching.project, Gate(tmp_path / "gate")
    project.write_script("_gate.py", GATE_SOURCE)
    script = SCRIPT.format(module="_x").replace("    return", f"    wait_for({str(gate)!r})\n    return")
    project.write_script("a.py", "from _gate import wait_for\n" + script)
    project.write_queue(["a.py"])
    gate.wait_reached()
    edit(project, "a.py", "x=1)", 'x=2)\nversions.add_version("w", x=3)')
    wait_until(
        lambda: json.loads(project.run("status", "--json").stdout)["daemon"]["next"] == ["a:w"],
        message=lambda: project.run("status").stdout,
    )
    gate.open()
    watching.wait_ran("a:v", "a:v", "a:w")


def test_folders_that_are_made_later_are_watched_too(watching):
    project = watching.project
    project.write_queue(["new/sub/b.py"])
    wait_until(lambda: "does not exist in models_dir" in project.log)
    project.write_script("new/sub/b.py", SCRIPT.format(module="lib.deep"))
    watching.wait_ran("new/sub/b:v")

    # A module in a folder that is neither the project's nor one with scripts.
    (project.root / "lib" / "deep.py").write_text("factor = 4\n")
    watching.wait_ran("new/sub/b:v", "new/sub/b:v")

    # A folder that is made anew, as a checkout of another branch does.
    shutil.rmtree(project.root / "lib")
    (project.root / "lib").mkdir()
    (project.root / "lib" / "deep.py").write_text("factor = 5\n")
    watching.wait_ran(*["new/sub/b:v"] * 3)
    (project.root / "lib" / "deep.py").write_text("factor = 6\n")
    watching.wait_ran(*["new/sub/b:v"] * 4)


def test_a_version_that_failed_comes_up_again_once_it_is_mended(watching):
    project = watching.project
    project.write_script("a.py", SCRIPT.format(module="_x").replace("x * factor", "x / 0"))
    project.write_queue(["a.py"])
    watching.wait_ran("a:v")
    edit(project, "a.py", "x / 0", "x / 1")
    watching.wait_ran("a:v", "a:v")

    outcomes = [event["outcome"] for event in project.history() if event["event"] == "ended"]
    assert outcomes == ["failed", "succeeded"]
