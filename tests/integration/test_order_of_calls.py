"""The calls that a `Model` gets for one version, in order: fresh, resumed, called again, reset, in test mode."""

from __future__ import annotations

import json

import pytest

NOTES = """
    import json, os

    def note(*call):
        with open(os.environ["CALLS"], "a") as file:
            file.write(json.dumps(call) + "\\n")
"""

# 10 samples, 3 epochs, 4 a step: 7.5 steps are 8.
SCRIPT = """
    import os, shutil
    from mlpipeline.helper import DataLoader, Model
    from mlpipeline.utils import ExecutionModeKeys, ModeKeys, Versions
    from _notes import note

    note("import")

    class Data(DataLoader):
        def __init__(self):
            pass
        def get_train_input(self, mode=ModeKeys.TRAIN, **kw):
            note("get_train_input", str(mode))
            return "train input"
        def get_test_input(self, **kw):
            note("get_test_input")
            return "test input"
        def get_train_sample_count(self):
            return 10
        def get_test_sample_count(self):
            return 5

    class Net(Model):
        def pre_execution_hook(self, version, model_dir, exec_mode=ExecutionModeKeys.TEST):
            assert os.path.isdir(model_dir)
            note("pre_execution_hook", version["name"], str(exec_mode))
            self.checkpoint = os.path.join(model_dir, "steps")
        def get_trained_step_count(self):
            return int(open(self.checkpoint).read()) if os.path.exists(self.checkpoint) else None
        def train_model(self, input_fn, steps):
            note("train_model", input_fn, repr(steps))
            done = self.get_trained_step_count() or 0
            if "CUT" in os.environ:
                open(self.checkpoint, "w").write(os.environ["CUT"])
                raise RuntimeError("cut short")
            open(self.checkpoint, "w").write(str(done + steps))
        def evaluate_model(self, input_fn, steps):
            note("evaluate_model", input_fn, repr(steps))
        def clean_model_dir(self, model_dir):
            note("clean_model_dir", sorted(os.listdir(model_dir)))
            shutil.rmtree(model_dir)

    versions = Versions(0.1, Data(), 4, 3)
    versions.addV("v")
    MODEL = Net(versions, allow_delete_model_dir=True, reset_steps=RESET)
"""


@pytest.fixture
def calls_of(tmp_path):
    """Run the command and return the calls it made, and its exit status; `import` of the worker that describes is left
    out."""

    def run(project, *arguments, **env):
        calls = tmp_path / "calls"
        calls.unlink(missing_ok=True)
        done = project.run(*arguments, env={"CALLS": str(calls), **env})
        lines = [json.loads(line) for line in calls.read_text().splitlines()]
        assert lines.pop(0) == ["import"]
        return lines, done.returncode

    return run


def _evaluations(train="10", test="5"):
    return [
        ["get_train_input", "Test"],
        ["evaluate_model", "train input", train],
        ["get_test_input"],
        ["evaluate_model", "test input", test],
    ]


def test_fresh_then_cut_short_and_resumed_then_called_again_then_changed(make_project, tmp_path, calls_of):
    project = make_project(tmp_path, {"_notes.py": NOTES, "net.py": SCRIPT.replace("RESET", "False")})
    prepared = ["pre_execution_hook", "v", "Train"]
    training = ["get_train_input", "Train"]

    fresh = [["import"], ["clean_model_dir", []], prepared, training, ["train_model", "train input", "8"]]
    assert calls_of(project, "-r", CUT="3") == (fresh, 1)

    resumed = [["import"], prepared, training, ["train_model", "train input", "5"], *_evaluations()]
    assert calls_of(project, "-r") == (resumed, 0)

    again = [["import"], prepared, *_evaluations()]
    assert calls_of(project, "-r") == (again, 0)
    assert "no steps are left to train" in project.log

    changed = SCRIPT.replace("RESET", "False").replace("Data(), 4, 3", "Data(), 4, 2")
    project.write_script("net.py", changed)
    clean = [["import"], ["clean_model_dir", ["steps"]], prepared, training, ["train_model", "train input", "5"]]
    assert calls_of(project, "-r") == ([*clean, *_evaluations()], 0)


def test_more_steps_done_than_needed_leaves_none(make_project, tmp_path, calls_of):
    project = make_project(tmp_path, {"_notes.py": NOTES, "net.py": SCRIPT.replace("RESET", "False")})
    calls_of(project, "-r", CUT="9")
    resumed = [["import"], ["pre_execution_hook", "v", "Train"], *_evaluations()]
    assert calls_of(project, "-r") == (resumed, 0)


def test_reset_steps_trains_all_steps_again(make_project, tmp_path, calls_of):
    project = make_project(tmp_path, {"_notes.py": NOTES, "net.py": SCRIPT.replace("RESET", "True")})
    calls_of(project, "-r", CUT="3")
    resumed = [
        ["import"],
        ["pre_execution_hook", "v", "Train"],
        ["get_train_input", "Train"],
        ["train_model", "train input", "8"],
        *_evaluations(),
    ]
    assert calls_of(project, "-r") == (resumed, 0)


def test_test_mode_takes_one_step_of_each_in_an_empty_model_dir(make_project, tmp_path, calls_of):
    project = make_project(tmp_path, {"_notes.py": NOTES, "net.py": SCRIPT.replace("RESET", "False")})
    tested = [
        ["import"],
        ["clean_model_dir", []],
        ["pre_execution_hook", "v", "Test"],
        ["get_train_input", "Train"],
        ["train_model", "train input", "1"],
        *_evaluations("1", "1"),
    ]
    assert calls_of(project) == (tested, 0)
    assert calls_of(project) == (tested, 0)
    assert not project.outputs.exists()
