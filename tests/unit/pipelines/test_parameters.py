"""Which parameter reaches which stage."""

from __future__ import annotations

import pytest

from mlpipeline import Stage, stage
from mlpipeline.errors import PipelineError
from mlpipeline.pipelines.definitions import defined
from mlpipeline.pipelines.wiring import Purpose, Wiring


class Load:
    def __init__(self, seed=0):
        self.seed = seed

    def run(self, rate=1):
        return {"train": [1], "test": [2]}


class Train(Stage):
    def __init__(self, epochs=3, *, seed=0, **options):
        self.given = (epochs, seed, options)

    def run(self, train):
        return {"weights": self.given}


class Kept:
    def __init__(self, factor):
        self.doubled = 2 * factor

    def run(self, weights):
        return {"kept": self.doubled}


@stage
def accuracy(weights, test, threshold=0.5, **options):
    return weights


STAGES = {"load": Load, "train": Train(5, depth=2), "kept": Kept(2), "accuracy": accuracy}


def wiring(**parameters):
    return Wiring(defined(STAGES), {}, parameters)


def test_a_parameter_reaches_the_one_stage_that_takes_it():
    assert wiring(**{"epochs": 7, "load.seed": 1, "threshold": 0.9}).parameters == {
        "load": {"seed": 1},
        "train": {"epochs": 7, "depth": 2},
        "kept": {"doubled": 4},
        "accuracy": {"threshold": 0.9},
    }


def test_a_stage_that_takes_parameters_of_any_name_gets_those_that_are_said_to_be_its_own():
    made = wiring(**{"train.width": 8, "accuracy.exact": True, "train.seed": 2})
    assert made.parameters["train"] == {"epochs": 5, "depth": 2, "width": 8, "seed": 2}
    assert made.parameters["accuracy"] == {"exact": True}
    assert made.stages["train"].built(made.parameters["train"]).given == (5, 2, {"depth": 2, "width": 8})


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("epocs", 'no stage takes the parameter "epocs". Did you mean "epochs"?'),
        ("width", 'no stage takes the parameter "width".'),
        ("seed", '"seed" is a parameter of 2 stages. Say load.seed or train.seed.'),
        ("trian.epochs", 'parameter "trian.epochs": there is no stage "trian". Did you mean "train"?'),
        ("load.sede", 'takes no parameter "sede". Did you mean "seed"? It takes seed.'),
        ("load.epochs", 'takes no parameter "epochs". Did you mean "train.epochs"? It takes seed.'),
        ("load.rate", ": it is an argument of its `run`, and parameters are those of its constructor. It takes seed."),
        ("kept.factor", "is an object that does not tell how it was made: let its class inherit from Stage."),
        ("weights", '"weights" is an artifact, and no parameter. Hand it in: inputs={"weights": …}.'),
    ],
)
def test_a_parameter_that_nobody_takes_or_more_than_one_is_an_error(key, expected):
    with pytest.raises(PipelineError) as caught:
        wiring(**{key: 1})
    assert expected in str(caught.value)


def test_a_name_that_is_no_text_is_no_parameter():
    with pytest.raises(PipelineError, match="a name is a text, and 3 is none"):
        Wiring(defined(STAGES), {}, {3: 1})


def test_an_argument_of_a_function_without_a_value_may_be_a_misspelt_artifact():
    def score(wieghts, epoch):
        return wieghts

    graph = Wiring(defined([Train, Load, score]), {}, {"load.seed": 1}).graph(Purpose.TRAINING)
    with pytest.raises(PipelineError) as caught:
        graph.needed(["score"])
    told = str(caught.value)
    assert 'takes "wieghts", which no stage makes, and which has no value as a parameter either.' in told
    assert 'Did you mean the artifact "weights"? Give it one: parameters={"score.wieghts": …}.' in told
    graph = Wiring(defined([Train, Load, score]), {}, {"wieghts": 1}).graph(Purpose.TRAINING)
    with pytest.raises(PipelineError, match=r'"score\.epoch": …\} \(another stage takes "epochs"\)'):
        graph.needed(["score"])


def test_arguments_that_an_edge_does_not_fill_are_parameters():
    def score(model, weights=1):
        return model

    stages = {"load": Load, "train": Train(), "score": score}
    made = Wiring(defined(stages), {"score": {"model": "weights"}}, {"score.weights": 3})
    call = made.graph(Purpose.TRAINING).calls["score"]
    assert set(call.takes) == {"model"}
    assert call.parameters == {"weights": 3}
