"""A model script as v1.1's users have them, executed as it is."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from mlpipeline.authoring.modes import ExecutionModeKeys
from mlpipeline.authoring.run import Run, set_current

SCRIPT = textwrap.dedent(
    """
    import os
    from inspect import getsourcefile

    from mlpipeline.utils import add_script_dir_to_PATH
    add_script_dir_to_PATH(os.path.abspath(os.path.dirname(getsourcefile(lambda: 0))))

    from mlpipeline.helper import DataLoader, Model
    from mlpipeline.utils import (
        ExecutionModeKeys, MetricContainer, ModeKeys, Versions, console_colors, log, set_logger, version_parameters,
    )

    class Digits(DataLoader):
        def __init__(self, count):
            self.count = count
            self.log("creating dataloader")

        def get_train_sample_count(self):
            return self.count

        def get_test_sample_count(self):
            return 2

        def get_train_input(self, mode=ModeKeys.TRAIN, **kargs):
            self.add_to_summery("mode {}".format(mode))
            return lambda: [1.0, 2.0, 3.0]

        def get_test_input(self):
            return lambda: [5.0]

    class Net(Model):
        def __init__(self, versions, **args):
            super().__init__(versions, **args)
            self.steps_trained = 0

        def pre_execution_hook(self, version, model_dir, exec_mode=ExecutionModeKeys.TEST):
            self.log("Version spec: {}".format(version))
            self.current_version = version
            self.hooks = version[version_parameters.HOOKS]
            self.epocs = version["epoc_count"]
            if exec_mode == ExecutionModeKeys.TEST:
                self.log("testing", modifier_1=console_colors.RED_FG)

        def get_current_version(self):
            return self.current_version

        def get_trained_step_count(self):
            return self.steps_trained

        def train_model(self, input_fn, steps):
            self.log("steps: ", steps)
            metrics = MetricContainer(
                metrics=[
                    {"metrics": ["loss", "2"], "track_average_epoc_count": 2},
                    {"metrics": ["accuracy"]},
                ],
                track_average_epoc_count=5,
            )
            for epoc in range(self.epocs):
                for value in input_fn():
                    metrics.loss.update(value * self.current_version["factor"], 1)
                metrics.reset_epoc(["loss"])
            self.delta = metrics.loss.get_tracking_delta()
            return metrics.log_metrics(["loss"], False, False, 3, 50, "train_")

        def evaluate_model(self, input_fn, steps):
            metrics = MetricContainer(["loss"])
            for value in input_fn():
                metrics["loss"].update(value)
            self.add_to_summery("evaluated {} samples".format(steps))
            return metrics.log_metrics(log_to_file=True)

    set_logger(False, True, None)
    log("before anything else", log_to_file=False)
    dl = Digits(100)
    v = Versions(0.01, dl, 10, 2)
    v.addV("first", custom_paramters={"factor": 1, "hyperparameter": None})
    v.addV("second", dl, 20, 3, 0.1, "second_dir", 9, {"factor": 2})
    v.rangeOnParameters(
        combining_parameters=[version_parameters.LEARNING_RATE, "factor"],
        parameters={version_parameters.LEARNING_RATE: [0.5, 0.25], "factor": [3, 4], "batch_size": 50},
    )
    v.getVersion("first")["late"] = True
    MODEL = Net(versions=v, allow_delete_model_dir=True)
    """
)


class Sink:
    def __init__(self):
        self.metrics_seen = []
        self.lines = []

    def metrics(self, values, step):
        self.metrics_seen.append((dict(values), step))

    def log(self, message, *, to_file):
        self.lines.append((message, to_file))

    def progress(self, loop, done, total):
        raise AssertionError("v1.1 knows no run.steps")

    def epochs(self, ended):
        pass


@pytest.fixture
def sink():
    sink = Sink()
    set_current(Run(id="a1f3", mode=ExecutionModeKeys.TRAIN, model_dir=Path(), seed=0, sink=sink))
    yield sink
    set_current(None)


@pytest.fixture
def model(sink, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", [])
    script = tmp_path / "net.py"
    script.write_text(SCRIPT, "utf-8")
    namespace = {"__name__": "net", "__file__": str(script)}
    exec(compile(SCRIPT, str(script), "exec"), namespace)
    return namespace["MODEL"]


def test_its_versions_are_described(model):
    versions = model.versions
    versions.check()
    for version in versions.in_order():
        model.check_version(version)
    assert [version.name for version in versions.in_order()] == [
        "first",
        "learning_rate=0.5,factor=3",
        "learning_rate=0.5,factor=4",
        "learning_rate=0.25,factor=3",
        "learning_rate=0.25,factor=4",
        "second",
    ]
    assert {
        key: value for key, value in versions.getVersion("first").own_parameters().items() if key != "dataloader"
    } == {
        "learning_rate": 0.01,
        "batch_size": 10,
        "epoch_count": 2,
        "factor": 1,
        "hyperparameter": None,
        "late": True,
    }
    second = versions.getVersion("second")
    assert (
        second["batch_size"],
        second["epoc_count"],
        second["learning_rate"],
        second.suffix,
    ) == (20, 3, 0.1, "second_dir")


def test_it_trains_and_evaluates(model, sink):
    version = model.versions.getVersion("second")
    loader = version["dataloader"]
    model.pre_execution_hook(version, "dir", exec_mode=ExecutionModeKeys.TRAIN)
    assert (model.hooks, model.epocs) == (None, 3)
    assert model.train_model(loader.get_train_input(), 7) == "train_loss: 4.0000    "
    assert model.delta == 0
    assert model.evaluate_model(loader.get_train_input(mode=ExecutionModeKeys.TEST), 100) == "loss: 2.0000    "
    assert model.evaluate_model(loader.get_test_input(), 2) == "loss: 5.0000    "
    assert model.summery == "evaluated 100 samples\nevaluated 2 samples\n"
    assert loader.summery == "mode Train\nmode Test\n"
    assert [values for values, _ in sink.metrics_seen] == [{"train_loss": 4.0}, {"loss": 2.0}, {"loss": 5.0}]
    assert ("before anything else", False) in sink.lines
    assert ("\x1b[36mModel- \x1b[0msteps: ", True) in sink.lines
