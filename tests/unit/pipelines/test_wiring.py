"""What of a pipeline's stages takes what from where."""

from __future__ import annotations

import pytest

from mlpipeline import Stage, stage
from mlpipeline.errors import PipelineError
from mlpipeline.pipelines.definitions import defined
from mlpipeline.pipelines.wiring import Purpose, Wiring


@stage("load")
class Load:
    def run(self):
        return {"train": [1, 2], "test": [3]}


@stage("fit_it")
class Fit:
    def __init__(self, epochs: int = 3):
        self.epochs = epochs

    def run(self, train):
        return {"weights": sum(train) * self.epochs}


@stage
def accuracy(weights, test, threshold=0.5):
    return weights > threshold


class Learner(Stage):
    def fit(self, data, labels): ...

    def run(self, data): ...


def steps(stages, edges=None, purpose=Purpose.TRAINING, handed_in=()):
    graph = Wiring(defined(stages), edges or {}, {}).graph(purpose, handed_in)
    return {
        name: {argument: source.artifacts for argument, source in node.takes.items()}
        for name, node in graph.nodes.items()
    }


def test_arguments_are_called_as_the_artifacts_that_they_take():
    assert steps([accuracy, Fit, Load]) == {
        "load": {},
        "fit_it": {"train": ("train",)},
        "accuracy": {"weights": ("weights",), "test": ("test",)},
    }


def test_a_stage_that_learns_is_two_steps_when_it_learns_and_one_when_it_is_used():
    stages = {"load": stage(outputs=["train", "test"])(Load), "learner": Learner()}
    edges = {"learner": {"data": "train", "labels": "test"}}
    assert steps(stages, edges) == {
        "load": {},
        "learner.fit": {"data": ("train",), "labels": ("test",)},
        "learner": {"data": ("train",), "learner.state": ("learner.state",)},
    }
    assert steps(stages, edges, Purpose.INFERENCE, handed_in=["learner.state"]) == {
        "load": {},
        "learner": {"data": ("train",), "learner.state": ("learner.state",)},
    }


def test_a_parameter_reaches_the_one_stage_that_takes_it():
    wiring = Wiring(defined([Load, Fit, accuracy]), {}, {"epochs": 5, "accuracy.threshold": 0.9})
    assert wiring.parameters == {"load": {}, "fit_it": {"epochs": 5}, "accuracy": {"threshold": 0.9}}


def test_a_parameter_that_nobody_takes_is_an_error_with_the_nearest():
    with pytest.raises(PipelineError, match=r'no stage takes the parameter "epocs"\. Did you mean "epochs"'):
        Wiring(defined([Load, Fit]), {}, {"epocs": 5})
