"""What runs again, for a `Model` and for what was cut short: cleaned, evaluated only, or on from the step it was at."""

from __future__ import annotations

import os
import signal

import pytest
from record import edit, model_dir, outcomes, set_aside, specs, starts
from support import GATE_SOURCE, Gate, wait_until

MODEL = """
import os, pathlib
from mlpipeline.helper import DataLoader, Model
from mlpipeline.utils import Versions

if "MLP_RUN_DIR" in os.environ and pathlib.Path("die").exists():
    os._exit(3)

class Loader(DataLoader):
    def get_train_input(self, mode=None, **kw):
        return "train"
    def get_test_input(self, **kw):
        return "test"
    def get_train_sample_count(self):
        return 10
    def get_test_sample_count(self):
        return 5

class Net(Model):
    def note(self, *words):
        with pathlib.Path("calls").open("a") as calls:
            print(*words, file=calls)
    def pre_execution_hook(self, version, model_dir, exec_mode=None):
        self.model_dir = pathlib.Path(model_dir)
        (self.model_dir / "kept").touch()
    def clean_model_dir(self, model_dir):
        self.note("clean")
        for path in pathlib.Path(model_dir).iterdir():
            path.unlink()
    def train_model(self, input_fn, steps):
        self.note("train", steps)
    def evaluate_model(self, input_fn, steps):
        self.note("evaluate", input_fn, steps)
        if pathlib.Path("fail").exists():
            raise ValueError("as told")
        return {"loss": 0.5}

versions = Versions(learning_rate=LR, dataloader=Loader(), batch_size=5, epoc_count=3)
versions.addV("v")
MODEL = Net(versions, allow_delete_model_dir=ALLOW)
"""
TRAINED = ["train 6", "evaluate train 10", "evaluate test 5"]
EVALUATED = TRAINED[1:]


@pytest.fixture
def project(make_project, tmp_path, request):
    source = MODEL.replace("ALLOW", str(request.param)).replace("LR", "0.1")
    return make_project(tmp_path, {"m.py": source})


def new_calls(project):
    path = project.root / "calls"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


@pytest.mark.parametrize("project", [True], indirect=True)
def test_a_model_that_succeeded_is_only_evaluated_again(project):
    assert project.run("-r").returncode == 0
    assert new_calls(project) == ["clean", *TRAINED]

    assert project.run("-r").returncode == 0
    assert new_calls(project) == EVALUATED
    assert specs(project, "m:v")[-1]["is_trained"]

    assert project.run("-ru").returncode == 0
    assert new_calls(project) == []


@pytest.mark.parametrize("project", [True], indirect=True)
def test_after_a_failed_evaluation_the_next_attempt_only_evaluates(project):
    (project.root / "fail").touch()
    assert project.run("-r").returncode == 1
    assert new_calls(project) == ["clean", *TRAINED]  # the other evaluation was tried, too

    (project.root / "die").touch()
    assert project.run("-ru").returncode == 1
    assert new_calls(project) == []

    (project.root / "die").unlink()
    (project.root / "fail").unlink()
    assert project.run("-ru").returncode == 0
    assert new_calls(project) == EVALUATED
    assert starts(project, "m:v") == ["clean", "resume", "resume"]


@pytest.mark.parametrize("project", [True], indirect=True)
def test_a_model_whose_model_dir_was_deleted_is_trained_again(project):
    assert project.run("-r").returncode == 0
    new_calls(project)
    (model_dir(project, "m-v") / "kept").unlink()
    model_dir(project, "m-v").rmdir()

    assert project.run("-r").returncode == 0
    assert new_calls(project) == TRAINED


@pytest.mark.parametrize("project", [True], indirect=True)
def test_a_model_that_changed_is_cleaned_by_its_own_method(project):
    assert project.run("-r").returncode == 0
    new_calls(project)
    edit(project, "m.py", "learning_rate=0.1", "learning_rate=0.2")

    assert project.run("-ru").returncode == 0
    assert new_calls(project) == ["clean", *TRAINED]
    assert set_aside(project, "m-v") == []


@pytest.mark.parametrize("project", [False], indirect=True)
def test_a_model_that_may_not_delete_is_left_as_it_was_with_a_log_line(project):
    assert project.run("-r").returncode == 0
    (model_dir(project, "m-v") / "mine").touch()
    new_calls(project)
    edit(project, "m.py", "learning_rate=0.1", "learning_rate=0.2")

    assert project.run("-ru").returncode == 0
    assert new_calls(project) == TRAINED
    assert (model_dir(project, "m-v") / "mine").exists()
    assert "m:v succeeded" in project.log
    assert "note: its model dir was left as it is, made by other code or with other parameters" in project.log
    assert "(note: its model dir was left as it is" in project.run("runs").stdout


STEPS = """
import os, pathlib, time
from mlpipeline import FunctionModel, Versions
from _gate import wait_for

if "MLP_RUN_DIR" in os.environ and pathlib.Path("die").exists():
    os._exit(3)

def note(model_dir, text):
    with (model_dir / "steps").open("a") as file:
        file.write(f"{text}\\n")

def train(*, model_dir, run):
    for step in run.steps(3):
        note(model_dir, f"first {step}")
    for step in run.steps(6):
        note(model_dir, f"second {step}")
        if step == 3:
            wait_for(pathlib.Path("gate").read_text())

versions = Versions()
versions.add_version("v")
MODEL = FunctionModel(train, versions)
"""


def test_loops_go_on_at_the_right_step_after_a_killed_worker_and_one_that_never_came_to_them(make_project, tmp_path):
    project = make_project(tmp_path, {"_gate.py": GATE_SOURCE, "s.py": STEPS})
    gate = Gate(tmp_path / "open")
    (project.root / "gate").write_text(str(gate))
    daemon = project.start("-r")
    gate.wait_reached()
    pid = wait_until(lambda: [event["pid"] for event in project.history() if event["event"] == "running"])[0]
    os.kill(pid, signal.SIGKILL)
    assert daemon.wait(20) == 1
    (project.root / "die").touch()
    assert project.run("-r").returncode == 1
    (project.root / "die").unlink()
    gate.open()

    assert project.run("-r").returncode == 0

    steps = (model_dir(project, "s-v") / "steps").read_text().splitlines()
    assert steps == [
        *(f"first {step}" for step in range(3)),
        *(f"second {step}" for step in (0, 1, 2, 3)),
        *(f"second {step}" for step in (3, 4, 5)),  # step 3 had begun, and was not done
    ]
    assert [spec["steps_done"] for spec in specs(project, "s:v")] == [[], [3, 3], [3, 3]]
    assert starts(project, "s:v") == ["clean", "resume", "resume"]
    assert outcomes(project, "s:v") == ["failed", "failed", "succeeded"]
