"""The table *What runs again*, cell by cell: what the worker was told, and what became of the model dir."""

from __future__ import annotations

import os
import signal

import pytest
from record import edit, model_dir, outcomes, set_aside, specs, starts
from support import GATE_SOURCE, Gate, wait_until

# Every call adds a line to a file in the model dir; files of the project say how a call is to end.
SCRIPT = """
import os, pathlib
from mlpipeline import FunctionModel, Versions
from _gate import wait_for

def train(lr, who, *, model_dir, run):
    with (model_dir / "calls").open("a") as calls:
        calls.write(f"{lr}\\n")
    if pathlib.Path(f"fail-{who}").exists():
        raise ValueError("as told")
    gate = pathlib.Path(f"gate-{who}")
    if gate.exists():
        wait_for(gate.read_text())

versions = Versions()
for name, lr in {"ok": 1, "changed": 1, "failed": 1, "changed-failed": 1, "stopped": 1, "lost": 1, "never": 1}.items():
    versions.add_version(name, who=name, lr=lr)
MODEL = FunctionModel(train, versions)
"""
ALL = ["ok", "changed", "failed", "changed-failed", "stopped", "lost", "never"]


class Table:
    """A project of one script, in whose history each version comes to stand in another row of the table."""

    def __init__(self, make_project, folder):
        self.folder = folder
        scripts = {"_gate.py": GATE_SOURCE, "f.py": SCRIPT}
        self.project = make_project(folder, scripts, settings="[worker]\nstop_grace = 0.2\n")

    def run(self, *options, only=()):
        return self.project.run(*options, *(f"--only=f:{name}" for name in only))

    def start_and_hold(self, name):
        """Run a version whose function waits at a gate; return its daemon and its gate."""
        gate = Gate(self.folder / f"open-{name}")
        (self.project.root / f"gate-{name}").write_text(str(gate))
        daemon = self.project.start("-r", f"--only=f:{name}")
        gate.wait_reached()
        return daemon, gate

    def calls(self, name):
        return (model_dir(self.project, f"f-{name}") / "calls").read_text().splitlines()


@pytest.fixture
def table(make_project, tmp_path):
    return Table(make_project, tmp_path)


def bring_about_all_rows(table):
    project = table.project
    for name in ("failed", "changed-failed"):
        (project.root / f"fail-{name}").touch()
    assert table.run("-r", "-j2", only=["ok", "changed", "failed", "changed-failed"]).returncode == 1
    for name in ("failed", "changed-failed"):
        (project.root / f"fail-{name}").unlink()
    edit(project, "f.py", '"changed": 1', '"changed": 2')
    edit(project, "f.py", '"changed-failed": 1', '"changed-failed": 2')

    daemon, gate = table.start_and_hold("stopped")
    daemon.send_signal(signal.SIGINT)
    assert daemon.wait(20) == 130
    gate.open()

    daemon, gate = table.start_and_hold("lost")
    project.kill_everything()
    gate.open()

    stray = model_dir(project, "f-never")
    stray.mkdir(parents=True)
    (stray / "stray").touch()


@pytest.mark.parametrize(
    ("option", "plan"),
    [
        ("-r", "7 versions: 3 to run, 1 called again, 3 to resume"),
        ("-ru", "7 versions: 3 to run, 1 done, 3 to resume"),
    ],
)
def test_every_row_of_the_table(table, option, plan):
    bring_about_all_rows(table)
    before = len(table.project.history())

    done = table.run(option, "-j2")

    assert done.returncode == 0
    assert plan in done.stdout
    new = [event for event in table.project.history()[before:] if event["event"] == "selected"]
    called = [] if option == "-ru" else ["again"]
    assert {name: [event["start"] for event in new if event["version"] == name] for name in ALL} == {
        "never": ["clean"],
        "ok": called,
        "failed": ["resume"],
        "stopped": ["resume"],
        "lost": ["resume"],
        "changed": ["clean"],
        "changed-failed": ["clean"],
    }
    assert {name: table.calls(name) for name in ALL} == {
        "never": ["1"],
        "ok": ["1", *(["1"] if called else [])],
        "failed": ["1", "1"],
        "stopped": ["1", "1"],
        "lost": ["1", "1"],
        "changed": ["2"],
        "changed-failed": ["2"],
    }
    assert outcomes(table.project, "f:failed") == ["failed", "succeeded"]
    assert outcomes(table.project, "f:stopped") == ["stopped", "succeeded"]
    assert outcomes(table.project, "f:lost") == ["lost", "succeeded"]

    for name in ("failed", "stopped", "lost"):
        first, second = specs(table.project, f"f:{name}")
        assert first["seed"] == second["seed"]
        assert set_aside(table.project, f"f-{name}") == []
    for name, file in {"changed": "calls", "changed-failed": "calls", "never": "stray"}.items():
        run = specs(table.project, f"f:{name}")[-1]["run"]
        (aside,) = set_aside(table.project, f"f-{name}")
        assert aside.name == f"f-{name}.before-{run}"
        assert [path.name for path in aside.iterdir()] == [file]
        assert f"{run} starts clean: the old model dir is kept as {aside.name}" in table.project.log


@pytest.mark.parametrize("option", ["-r", "-ru"])
def test_what_is_alive_is_adopted(table, option):
    project = table.project
    daemon, gate = table.start_and_hold("ok")
    worker = project.wait_for("running")["pid"]
    daemon.kill()
    daemon.wait(10)

    adopting = project.start(option, "--only=f:ok")
    wait_until(lambda: "1 version: 1 running" in adopting.out)
    os.kill(worker, 0)
    gate.open()

    assert adopting.wait(20) == 0
    assert starts(project, "f:ok") == ["clean"]
    assert outcomes(project, "f:ok") == ["succeeded"]
    assert table.calls("ok") == ["1"]


def test_what_was_cut_short_before_its_model_dir_was_ready_starts_clean_again(table):
    project = table.project
    assert table.run("-r", only=["ok"]).returncode == 0
    dies = "if 'MLP_RUN_DIR' in os.environ and pathlib.Path('die').exists(): os._exit(3)\n"
    edit(project, "f.py", "versions = Versions()", f"{dies}versions = Versions()")
    (project.root / "die").touch()
    assert table.run("-r", only=["ok"]).returncode == 1
    assert set_aside(project, "f-ok") == []  # what lies there is still of the code before
    (project.root / "die").unlink()

    assert table.run("-ru", only=["ok"]).returncode == 0

    assert starts(project, "f:ok") == ["clean", "clean", "clean"]
    assert table.calls("ok") == ["1"]
    assert len(set_aside(project, "f-ok")) == 1


def test_a_version_that_takes_over_another_ones_model_dir_starts_clean(make_project, tmp_path):
    script = """
    from mlpipeline import FunctionModel, Versions
    def train(*, model_dir):
        (model_dir / "x").touch()
    versions = Versions()
    versions.add_version("v", model_dir_suffix="kept")
    MODEL = FunctionModel(train, versions)
    """
    project = make_project(tmp_path, {"f.py": script})
    assert project.run("-r").returncode == 0
    edit(project, "f.py", '"v"', '"w"')
    assert project.run("-r").returncode == 0
    edit(project, "f.py", '"w"', '"v"')
    assert project.run("-ru").returncode == 0

    assert starts(project, "f:v") == ["clean", "clean"]
    assert starts(project, "f:w") == ["clean"]
    assert len(set_aside(project, "f-kept")) == 2
