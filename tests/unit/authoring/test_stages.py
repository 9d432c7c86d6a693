"""What `@stage` and marker classes are told, and that they change nothing else."""

from __future__ import annotations

import copy
import functools
import pickle

import pytest

from mlpipeline import Artifact, Stage, artifact, stage
from mlpipeline.authoring.stages import StageMark, artifact_name, snake_case, stage_mark
from mlpipeline.errors import PipelineError


@stage("doubled", outputs=["double"], cache=False, version=3)
def twice(x):
    """Twice as much."""
    return {"double": 2 * x}


@stage
class Train:
    def __init__(self, epochs=3):
        self.epochs = epochs

    def run(self, data):
        return {"model": data * self.epochs}


class Deep(Train):
    pass


class Imputer(Stage):
    def __init__(self, strategy, *, fill=0):
        self.strategy = strategy
        self.fill = fill


@artifact("weights")
class Parameters(Artifact):
    pass


class Tuned(Parameters):
    pass


def test_what_is_marked_stays_what_it_was():
    assert twice(2) == {"double": 4}
    assert (twice.__name__, twice.__doc__) == ("twice", "Twice as much.")
    assert pickle.loads(pickle.dumps(twice)) is twice
    assert Train(2).run(5) == {"model": 10}
    assert pickle.loads(pickle.dumps(Train(7))).epochs == 7


def test_a_mark_says_what_the_decorator_was_told():
    assert stage_mark(twice) == StageMark(name="doubled", outputs=("double",), is_cached=False, version="3")
    assert stage_mark(Train) == StageMark()


def test_neither_a_subclass_nor_an_object_of_a_marked_class_is_marked():
    assert stage_mark(Deep) is None
    assert stage_mark(Train()) is None


def test_a_stage_remembers_what_it_was_made_with_beside_its_state():
    made = Imputer("mean", fill=1)
    assert vars(made) == {"strategy": "mean", "fill": 1}
    for copied in (made, copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert copied._given == (("mean",), {"fill": 1})
        assert copied.strategy == "mean"


def test_a_stage_without_a_constructor_takes_no_arguments():
    class Plain(Stage):
        pass

    with pytest.raises(TypeError, match=r"Plain\(\) takes no arguments"):
        Plain(1)


def test_a_marker_class_stands_for_an_artifact():
    class TrainData(Artifact):
        pass

    assert artifact_name(Parameters) == "weights"
    assert artifact_name(Tuned) == "tuned"
    assert artifact_name(TrainData) == "train_data"
    assert stage(outputs=[TrainData, "rest"])(Deep) is Deep
    del Deep.__mlpipeline_stage__


@pytest.mark.parametrize(
    ("name", "snake"),
    [("TrainModel", "train_model"), ("PCA", "pca"), ("HTTPLoader", "http_loader"), ("Net2D", "net2_d")],
)
def test_the_name_of_a_class_becomes_that_of_a_stage(name, snake):
    assert snake_case(name) == snake


async def waits(): ...


def yields():
    yield 1


async def waits_and_yields():
    yield 1


class Waits:
    async def run(self): ...


class Yields:
    def fit(self):
        yield 1


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (waits, "waits is async, .*asyncio.run"),
        (waits_and_yields, "waits_and_yields is async"),
        (Waits, r"Waits\.run is async"),
        (yields, "yields yields, and what it makes could be read once only; return a list"),
        (functools.wraps(yields)(lambda: list(yields())), "yields yields"),
        (Yields, r"Yields\.fit yields"),
        (functools.partial(twice, 3), "a partial has neither a name nor code"),
        (Train.run, r"Train\.run is a method"),
        (Train().run, r"Train\.run is a method"),
        (staticmethod(yields), "is a method"),
        (Train(), r"an object of Train\. Give objects in Pipeline\(stages="),
        (3, "an object of int"),
        (len, "cannot mark len, which is not written in Python"),
    ],
)
def test_what_can_be_no_stage_is_refused_where_it_is_marked(target, message):
    with pytest.raises(PipelineError, match=message):
        stage("name")(target)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ([], "a stage that makes nothing never runs"),
        (["a", "b", "a"], 'names "a" twice'),
        ([Parameters, "weights"], 'names "weights" twice'),
        ({"a", "b"}, "is a set; it is to be a list"),
        ([int], "int is neither a name nor a class that inherits from Artifact"),
        ([3], "3 is neither a name nor"),
        (Train, "Train is neither a name nor"),
    ],
)
def test_what_cannot_be_made_is_refused_where_it_is_said(outputs, message):
    with pytest.raises(PipelineError, match=message):
        stage(outputs=outputs)


def test_one_output_needs_no_list():
    assert stage_mark(stage(outputs="both")(lambda: 1)).outputs == ("both",)
    assert stage_mark(stage(outputs=Parameters)(lambda: 1)).outputs == (Parameters,)


def test_an_artifact_is_named_by_a_text_and_marked_by_its_marker():
    with pytest.raises(PipelineError, match="takes the name of the artifact"):
        artifact(Parameters)
    with pytest.raises(PipelineError, match="inherits from Artifact"):
        artifact("weights")(Train)
