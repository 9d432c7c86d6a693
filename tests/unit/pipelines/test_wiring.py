"""What of a pipeline's stages takes what from where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Optional

import pytest

from mlpipeline import Artifact, Input, Primary, Stage, artifact, stage
from mlpipeline.errors import PipelineError
from mlpipeline.pipelines.definitions import defined
from mlpipeline.pipelines.wiring import Purpose, Wiring

if TYPE_CHECKING:
    from somewhere import Unknown


@artifact("train")
class TrainData(Artifact):
    pass


class Weights(Artifact):
    pass


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

    def run(self, data):
        return data


class Many:
    def run(self, first, **others):
        return first


class Split:
    def run(self, data):
        return {"left": data, "right": data}


def wiring(stages, edges=None, **parameters):
    return Wiring(defined(stages), edges or {}, parameters)


def calls(stages, edges=None, purpose=Purpose.TRAINING, handed_in=()):
    graph = wiring(stages, edges).graph(purpose, handed_in)
    return {
        name: {argument: source.artifacts for argument, source in call.takes.items()}
        for name, call in graph.calls.items()
    }


def test_arguments_are_called_as_the_artifacts_that_they_take():
    assert calls([accuracy, Fit, Load]) == {
        "load": {},
        "fit_it": {"train": ("train",)},
        "accuracy": {"weights": ("weights",), "test": ("test",)},
    }


def test_arguments_are_annotated_with_the_markers_of_the_artifacts_that_they_take():
    @stage(outputs=[Weights])
    class Trainer:
        def run(
            self,
            data: TrainData,
            again: Annotated[list, "in any order", TrainData],
            maybe: Optional[TrainData] = None,  # noqa: UP045
            unless: TrainData | None = None,
            test: Unknown = 3,
        ): ...

    assert calls([Load, Trainer])["trainer"] == {
        "data": ("train",),
        "again": ("train",),
        "maybe": ("train",),
        "unless": ("train",),
        "test": ("test",),
    }


def test_a_stage_that_learns_is_two_calls_when_it_learns_and_one_when_it_is_used():
    stages = {"load": Load, "learner": Learner()}
    edges = {"learner": {"data": "train", "labels": "test"}}
    assert calls(stages, edges) == {
        "load": {},
        "learner.fit": {"data": ("train",), "labels": ("test",)},
        "learner": {"data": ("train",), "learner.state": ("learner.state",)},
    }
    assert calls(stages, edges, Purpose.INFERENCE, handed_in=["learner.state"]) == {
        "load": {},
        "learner": {"data": ("train",), "learner.state": ("learner.state",)},
    }


@pytest.mark.parametrize(
    ("edge", "fit", "run"),
    [
        ("train", None, None),
        (["train", "test"], {"data": ("train",), "labels": ("test",)}, {"data": ("train",)}),
        (("train", "test"), {"data": ("train",), "labels": ("test",)}, {"data": ("train",)}),
        ({"labels": "train", "data": "test"}, {"data": ("test",), "labels": ("train",)}, {"data": ("test",)}),
        ({"labels": "load", "data": "load"}, {"data": ("train", "test"), "labels": ("train", "test")}, None),
    ],
)
def test_an_edge_is_by_position_or_by_name_for_fit_and_run_alike(edge, fit, run):
    stages, edges = {"load": Load, "learner": Learner}, {"learner": edge}
    if fit is None:
        with pytest.raises(PipelineError, match=r'its `fit` takes "labels", for which its edge has no parent'):
            calls(stages, edges)
        return
    made = calls(stages, edges)
    assert made["learner.fit"] == fit
    if run is not None:
        assert made["learner"] == run | {"learner.state": ("learner.state",)}


def test_a_stage_without_an_edge_goes_by_its_signature():
    stages = {"load": Load, "split": Split, "fit_it": Fit, "accuracy": accuracy}
    assert calls(stages, {"split": "train"}) == {
        "load": {},
        "split": {"data": ("train",)},
        "fit_it": {"train": ("train",)},
        "accuracy": {"weights": ("weights",), "test": ("test",)},
    }


def test_a_primary_stage_has_a_parent_for_learning_and_one_for_using():
    stages = {"load": Load, "new": Input(), "data": Primary(), "learner": Learner()}
    edges = {"data": {"train": "train", "test": "new"}, "learner": ["data", "test"]}
    assert calls(stages, edges)["data"] == {"data": ("train",)}
    used = calls(stages, edges, Purpose.INFERENCE, ["new", "learner.state"])
    assert used["data"] == {"data": ("new",)}
    assert calls(stages, {**edges, "data": "train"}, Purpose.INFERENCE, ["learner.state"])["data"] == {
        "data": ("train",)
    }


def test_what_a_stage_makes_by_edges_is_what_its_syntax_shows_else_its_own_name():
    stages = {"load": Load, "same": Learner, "split": stage(outputs=["l", "r"])(Split), "f": lambda: {"a": 1}}
    made = wiring(stages, {"same": ["train", "test"], "split": "train"})
    assert made.makes == {"load": ("train", "test"), "same": ("same",), "split": ("l", "r"), "f": ("f",)}
    del Split.__mlpipeline_stage__


def test_one_class_may_be_several_stages():
    made = wiring({"load": Load, "one": Split, "two": Split}, {"one": "train", "two": "one"})
    assert made.makes == {"load": ("train", "test"), "one": ("one",), "two": ("two",)}
    learner = Learner()
    assert set(calls({"load": Load, "one": learner, "two": learner}, {"one": ["train"] * 2, "two": ["one"] * 2})) == {
        "load",
        "one.fit",
        "one",
        "two.fit",
        "two",
    }


def test_an_edge_to_a_stage_with_several_artifacts_gives_the_dict_of_them():
    graph = wiring({"load": Load, "one": Split, "fit_it": Fit}, {"one": "load", "fit_it": "one"}).graph(
        Purpose.TRAINING
    )
    (both,) = graph.calls["one"].takes.values()
    assert (both.artifacts, both.is_dict) == (("train", "test"), True)
    made = wiring({"fit_it": Fit, "load": Load, "one": Split}, {"one": "fit_it"}).graph(Purpose.TRAINING)
    (single,) = made.calls["one"].takes.values()
    assert (single.artifacts, single.is_dict) == (("weights",), False)


def test_arguments_of_any_name_take_the_other_parents():
    stages = {"load": Load, "mean": Many}
    assert calls(stages, {"mean": ["train", "test", "load"]})["mean"] == {
        "first": ("train",),
        "test": ("test",),
        "load": ("train", "test"),
    }
    assert calls(stages, {"mean": {"first": "load", "b": "train"}})["mean"] == {
        "first": ("train", "test"),
        "b": ("train",),
    }
    with pytest.raises(PipelineError, match=r'takes \*\*others, which no signature can fill.*edges=\{"mean": \[…\]\}'):
        calls({"load": Load, "mean": stage(outputs=["m"])(Many)})
    del Many.__mlpipeline_stage__


def test_an_input_that_is_not_handed_in_is_no_argument_where_that_has_a_default():
    stages = {"load": Load, "weights": Input, "threshold": Input, "accuracy": accuracy}
    assert set(calls(stages)["accuracy"]) == {"weights", "test"}
    assert set(calls(stages, handed_in=["threshold"])["accuracy"]) == {"weights", "test", "threshold"}


def message(function):
    with pytest.raises(PipelineError) as caught:
        function()
    return str(caught.value)


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ({"learnr": "train"}, 'edges: there is no stage "learnr". Did you mean "learner"?'),
        ({"learner": ["trian", "test"]}, 'takes "trian", which no stage makes. Did you mean "train"?'),
        ({"learner": ["train", "test", "load"]}, "has 3 parents, and takes data in `run` and data, labels in `fit`."),
        ({"learner": {"data": "train", "lables": "test"}}, 'takes no "lables", but data in `run` and data, labels'),
        ({"learner": {"data": "train", "lables": "test"}}, 'Did you mean "labels"?'),
        ({"learner": {"labels": "train"}}, 'its `fit` takes "data", for which its edge has no parent.'),
        ({"learner": 3}, "3 is no edge. An edge is the name of a parent, a list of names, or a dict of names"),
        ({"learner": [Load, "test"]}, "is no edge."),
        ({"learner": {"data": ["train"]}}, "['train'] is no edge."),
        ({"learner": {3: "train"}}, "{3: 'train'} is no edge."),
        ({"new": "train"}, "is an Input, whose value is handed in: it has no parents."),
        ({"data": {"trian": "train", "test": "new"}}, 'is a Primary: its parents are to be {"train": …, "test": …}'),
        ({"data": {"trian": "train", "test": "new"}}, 'Did you mean "train"?'),
        ({"data": ["train"]}, 'is a Primary: its parents are to be {"train": …, "test": …}'),
        ({}, 'is a Primary, so its parents are to be said: edges={"data": {"train": …, "test": …}}.'),
    ],
)
def test_an_edge_that_does_not_fit_is_an_error(edges, expected):
    stages = {"load": Load, "new": Input, "data": Primary, "learner": Learner}
    edges = {"data": "train", "learner": ["train", "test"]} | edges if edges else {"learner": ["train", "test"]}
    assert expected in message(lambda: calls(stages, edges))


def test_a_circle_tells_what_learns_of_what():
    stages, edges = {"load": Load, "one": Learner, "two": Learner}, {"one": ["two", "test"], "two": ["one", "test"]}
    told = message(lambda: calls(stages, edges))
    assert told.startswith("the stages need each other in a circle: ")
    assert "`fit` of stage one (" in told
    assert ") -(one.state)-> stage one (" in told


def test_names_stand_for_one_thing():
    def load():
        return 1

    class Model:
        def run(self):
            return {"model": 1}

    class Other:
        def run(self):
            return {"other": 1, "more": 2}

    assert message(lambda: wiring([Load, load])).startswith('two stages are called "load": stage load (')
    both = wiring([Load, stage("test")(Model)])
    assert both.artifacts_of("load")
    assert '"test" is the name of stage test (' in message(lambda: both.artifacts_of("test"))
    assert "of an artifact that stage load (" in message(lambda: both.artifacts_of("test"))
    assert "an artifact that it makes. Rename one." in message(lambda: wiring([Other]).artifacts_of("other"))
    edges = {"split": "test"}
    told = message(lambda: wiring({"load": Load, "test": Model, "split": Split}, edges))
    assert told.startswith("edges: stage split (")
    assert '"test" is the name of stage test (' in told
    told = message(lambda: wiring({"load": Load, "test": Input}))
    assert told.startswith('"test" is handed in, as stage test says')
    twofold = message(lambda: wiring({"one": Fit, "two": Fit}).graph(Purpose.TRAINING))
    assert twofold.startswith('"weights" is made by two stages, stage one (')


def test_a_parameter_without_a_value_matters_only_where_it_is_needed():
    class Greedy:
        def __init__(self, epochs):
            self.epochs = epochs

        def run(self, train):
            return {"weights": train}

    graph = wiring([Load, Greedy]).graph(Purpose.TRAINING)
    assert [call.name for call in graph.needed(["train"])] == ["load"]
    told = message(lambda: graph.needed(["weights"]))
    assert 'its constructor takes "epochs", which has neither a value nor a default. Give it one: parameters=' in told
    assert wiring([Load, Greedy], epochs=3).graph(Purpose.TRAINING).needed(["weights"])


def test_what_is_handed_in_is_taken_instead_of_a_parameter_or_of_what_is_made():
    graph = wiring([accuracy], **{"accuracy.threshold": 1}).graph(Purpose.TRAINING, ["weights", "test", "threshold"])
    (call,) = graph.needed(["accuracy"])
    assert set(call.takes) == {"weights", "test", "threshold"}
    assert call.parameters == {}


def test_what_is_handed_in_and_fits_nothing_is_an_error():
    made = wiring([Load, Fit, accuracy])
    assert message(lambda: made.graph(Purpose.TRAINING, ["weigths"])) == (
        '"weigths" is handed in, and no stage takes it. Did you mean "weights"?'
    )
    assert message(lambda: made.graph(Purpose.TRAINING, ["load"])) == '"load" makes train, test: hand in these.'


def test_what_is_not_handed_in_or_not_learned_matters_only_where_it_is_needed():
    stages = {"load": Load, "new": Input, "learner": Learner, "other": lambda new, train: new}
    graph = wiring(stages, {"learner": ["train", "test"]}).graph(Purpose.INFERENCE)
    assert [call.name for call in graph.needed(["train"])] == ["load"]
    assert message(lambda: graph.needed(["learner"])).endswith(
        "has learned nothing yet: call `fit` of the pipeline first."
    )
    assert 'takes "new", which is to be handed in: inputs={"new": …}.' in message(lambda: graph.needed(["other"]))


def test_a_stage_with_several_artifacts_is_no_argument():
    class Wants:
        def run(self, load):
            return {"wanted": load}

    told = message(lambda: wiring([Load, Wants]).graph(Purpose.TRAINING))
    assert told.endswith('its `run` takes "load", a stage that makes train, test. Take these, each by its name.')


def test_there_is_no_stage_or_artifact_of_a_wrong_name():
    made = wiring([Load, Fit, accuracy])
    assert made.artifacts_of("load") == ("train", "test")
    assert made.artifacts_of("train") == ("train",)
    assert message(lambda: made.artifacts_of("acuracy")) == (
        'there is no stage or artifact "acuracy". Did you mean "accuracy"?'
    )


def test_the_same_stages_with_other_parameters_are_as_if_wired_with_them():
    stages = defined([Load, Fit, accuracy])
    wiring = Wiring(stages, {}, {"epochs": 4})
    other = wiring.with_parameters({"threshold": 2})
    assert other.parameters == Wiring(stages, {}, {"threshold": 2}).parameters
    assert wiring.parameters["fit_it"] == {"epochs": 4}
    (call,) = [call for call in other.graph(Purpose.TRAINING).calls.values() if call.name == "accuracy"]
    assert call.parameters == {"threshold": 2}
    with pytest.raises(PipelineError, match='no stage takes the parameter "epoch"'):
        wiring.with_parameters({"epoch": 4})
