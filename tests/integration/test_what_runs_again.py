"""The table *What runs again*, cell by cell: what the worker was told, and what became of the model dir."""

from __future__ import annotations

import os
import signal

import pytest
from record import edit, model_dir, outcomes, set_aside, specs, starts
from support import GATE_SOURCE, Gate, wait_until

# Every call adds a line to a file in the model dir; a file of the project says how the call is to end.
FUNCTION = """
import os, pathlib
from mlpipeline import FunctionModel, Versions
from _gate import wait_for

def train(lr, *, model_dir, run):
    with (model_dir / "calls").open("a") as calls:
        calls.write(f"{lr}\\n")
    if pathlib.Path("fail").exists():
        raise ValueError("as told")
    if pathlib.Path("gate").exists():
        wait_for(pathlib.Path("gate").read_text())

versions = Versions()
versions.add_version("v", lr=1)
MODEL = FunctionModel(train, versions)
"""


@pytest.fixture
def project(make_project, tmp_path):
    return make_project(tmp_path, {"_gate.py": GATE_SOURCE, "f.py": FUNCTION}, settings="[worker]\nstop_grace = 0.2\n")


def calls(project):
    return (model_dir(project, "f-v") / "calls").read_text().splitlines()


def hold(project, tmp_path):
    """Have the function wait at a gate, and return that."""
    gate = Gate(tmp_path / "open")
    (project.root / "gate").write_text(str(gate))
    return gate


def worker_pid(project):
    return [event for event in project.history() if event["event"] == "running"][-1]["pid"]


@pytest.mark.parametrize("options", [("-r",), ("-r", "-u")])
def test_what_never_ran_starts_clean(project, options):
    stray = model_dir(project, "f-v")
    stray.mkdir(parents=True)
    (stray / "stray").touch()

    assert project.run(*options).returncode == 0

    (spec,) = specs(project, "f:v")
    assert (spec["start"], spec["steps_done"], spec["is_trained"]) == ("clean", [], False)
    assert calls(project) == ["1"]
    (aside,) = set_aside(project, "f-v")
    assert [path.name for path in aside.iterdir()] == ["stray"]
    assert aside.name == f"f-v.before-{spec['run']}"


def test_what_succeeded_is_called_again_in_its_model_dir_and_skipped_with_u(project):
    assert project.run("-r").returncode == 0
    again = project.run("-r")
    skipped = project.run("-r", "-u")

    assert "1 version: 1 called again" in again.stdout
    assert "1 version: 1 done" in skipped.stdout
    assert (again.returncode, skipped.returncode) == (0, 0)
    assert starts(project, "f:v") == ["clean", "again"]
    assert calls(project) == ["1", "1"]
    assert set_aside(project, "f-v") == []


@pytest.mark.parametrize("option", ["-r", "-ru"])
def test_what_failed_resumes_in_its_model_dir(project, option):
    (project.root / "fail").touch()
    assert project.run("-r").returncode == 1
    (project.root / "fail").unlink()

    resumed = project.run(option)

    assert "1 version: 1 resumes" in resumed.stdout
    assert resumed.returncode == 0
    assert starts(project, "f:v") == ["clean", "resume"]
    assert outcomes(project, "f:v") == ["failed", "succeeded"]
    assert calls(project) == ["1", "1"]
    first, second = specs(project, "f:v")
    assert first["seed"] == second["seed"]


@pytest.mark.parametrize("option", ["-r", "-ru"])
def test_what_was_stopped_resumes_in_its_model_dir(project, tmp_path, option):
    gate = hold(project, tmp_path)
    daemon = project.start("-r")
    gate.wait_reached()
    daemon.send_signal(signal.SIGINT)
    assert daemon.wait(20) == 130
    gate.open()

    resumed = project.run(option)

    assert "1 version: 1 resumes" in resumed.stdout
    assert starts(project, "f:v") == ["clean", "resume"]
    assert outcomes(project, "f:v") == ["stopped", "succeeded"]
    assert calls(project) == ["1", "1"]


@pytest.mark.parametrize("option", ["-r", "-ru"])
def test_what_was_lost_resumes_in_its_model_dir_at_the_next_launch(project, tmp_path, option):
    gate = hold(project, tmp_path)
    daemon = project.start("-r")
    gate.wait_reached()
    project.kill_everything()
    daemon.wait(10)
    gate.open()

    resumed = project.run(option)

    assert "1 version: 1 resumes" in resumed.stdout
    assert resumed.returncode == 0
    assert starts(project, "f:v") == ["clean", "resume"]
    assert outcomes(project, "f:v") == ["lost", "succeeded"]
    assert calls(project) == ["1", "1"]


@pytest.mark.parametrize("option", ["-r", "-ru"])
def test_what_is_alive_is_adopted(project, tmp_path, option):
    gate = hold(project, tmp_path)
    daemon = project.start("-r")
    gate.wait_reached()
    worker = wait_until(lambda: project.history()[-1]["event"] == "running" and worker_pid(project))
    daemon.kill()
    daemon.wait(10)

    adopting = project.start(option)
    wait_until(lambda: "1 version: 1 running" in adopting.out)
    os.kill(worker, 0)
    gate.open()

    assert adopting.wait(20) == 0
    assert starts(project, "f:v") == ["clean"]
    assert outcomes(project, "f:v") == ["succeeded"]
    assert calls(project) == ["1"]


@pytest.mark.parametrize("option", ["-r", "-ru"])
@pytest.mark.parametrize("has_failed", [False, True])
def test_what_changed_starts_clean_and_the_old_model_dir_is_kept(project, option, has_failed):
    if has_failed:
        (project.root / "fail").touch()
    project.run("-r")
    (project.root / "fail").unlink(missing_ok=True)
    edit(project, "f.py", "lr=1", "lr=2")

    changed = project.run(option)

    assert "1 version: 1 to run" in changed.stdout
    assert starts(project, "f:v") == ["clean", "clean"]
    assert calls(project) == ["2"]
    (aside,) = set_aside(project, "f-v")
    assert aside.name == f"f-v.before-{specs(project, 'f:v')[-1]['run']}"
    assert (aside / "calls").read_text() == "1\n"
    assert f"starts clean: the old model dir is kept as {aside.name}" in project.log


def test_what_was_cut_short_before_its_model_dir_was_ready_starts_clean_again(project):
    assert project.run("-r").returncode == 0
    dies = "if 'MLP_RUN_DIR' in os.environ and pathlib.Path('die').exists(): os._exit(3)\n"
    edit(project, "f.py", "versions = Versions()", f"{dies}versions = Versions()")
    (project.root / "die").touch()
    assert project.run("-r").returncode == 1
    assert set_aside(project, "f-v") == []  # what lies there is still of the code before
    (project.root / "die").unlink()

    assert project.run("-ru").returncode == 0

    assert starts(project, "f:v") == ["clean", "clean", "clean"]
    assert calls(project) == ["1"]
    assert len(set_aside(project, "f-v")) == 1


def test_a_version_that_takes_over_another_ones_model_dir_starts_clean(project):
    edit(project, "f.py", '"v", lr=1', '"v", lr=1, model_dir_suffix="kept"')
    assert project.run("-r").returncode == 0
    edit(project, "f.py", '"v", lr=1', '"w", lr=1')
    assert project.run("-r").returncode == 0
    edit(project, "f.py", '"w", lr=1', '"v", lr=1')
    assert project.run("-ru").returncode == 0

    assert starts(project, "f:v") == ["clean", "clean"]
    assert starts(project, "f:w") == ["clean"]
    assert len(set_aside(project, "f-kept")) == 2
