"""What becomes of what a stage returns or raises."""

from __future__ import annotations

import io

import pytest

from mlpipeline import Artifact, Stage, artifact, stage
from mlpipeline.errors import PipelineError
from mlpipeline.pipelines.calling import handed_on, made_by
from mlpipeline.pipelines.definitions import defined
from mlpipeline.pipelines.wiring import Purpose, Wiring


@artifact("test")
class TestData(Artifact):
    pass


def call(target, name="split"):
    return Wiring(defined({name: target}), {}, {}).graph(Purpose.TRAINING).calls[name]


def making(*outputs):
    @stage(outputs=list(outputs))
    def split():
        raise KeyError("no such column")

    return call(split)


def test_artifacts_are_returned_by_name_or_by_marker():
    both = {"train": 1, "test": 2}
    assert handed_on({TestData: 2, "train": 1}, making("train", "test")) == both
    assert handed_on({"test": 2, "train": None}, making("train", TestData)) == {"train": None, "test": 2}


def test_the_only_artifact_may_be_returned_as_it_is():
    assert handed_on(3, making("train")) == {"train": 3}
    assert handed_on({"train": 3}, making("train")) == {"train": 3}
    assert handed_on({"accuracy": 3}, making("metrics")) == {"metrics": {"accuracy": 3}}


def test_what_a_function_returns_is_its_artifact_whatever_it_is():
    function = call(lambda: None, "metrics")
    assert handed_on({"metrics": 3}, function) == {"metrics": {"metrics": 3}}
    assert handed_on(("a", "b"), function) == {"metrics": ("a", "b")}


async def coroutine(): ...


@pytest.mark.parametrize(
    ("makes", "returned", "expected"),
    [
        (["a"], None, 'returned None; it is to return the value of "a". Is a `return` missing?'),
        (["a", "b"], None, "returned None; it is to return a dict of a, b. Is a `return` missing?"),
        (["a", "b"], (1, 2), "returned a tuple; it is to return a dict of a, b."),
        (["a", "b"], {"a": 1}, 'did not return "b". It makes a, b.'),
        (["a", "b"], {"a": 1, "b": 1, "c": 2}, 'returned "c", which it does not say that it makes. It makes a, b.'),
        (["a"], {"a": 1, "b": 1}, 'returned "b", which it does not say that it makes. It makes a.'),
        (
            ["model", "log"],
            {"log": 1, "modle": 1},
            'and did not return "model". It makes model, log. Did you mean "mod',
        ),
        (["a"], (item for item in "ab"), 'returned a generator as "a", which can be read once only. Return a list'),
        (["a", "b"], {"a": 1, "b": map(str, "ab")}, 'returned a map as "b", which can be read once only.'),
        (["a"], io.StringIO(), 'returned an open file as "a". Return its path, or what it holds.'),
    ],
)
def test_what_cannot_be_handed_on_is_an_error_that_says_what_to_do(makes, returned, expected):
    with pytest.raises(PipelineError) as caught:
        handed_on(returned, making(*makes))
    assert str(caught.value).startswith("stage split (")
    assert expected in str(caught.value)


def test_what_is_to_be_awaited_is_no_artifact():
    waiting = coroutine()
    with pytest.raises(PipelineError, match=r"returned a coroutine\. Await it"):
        handed_on(waiting, call(lambda: None))
    waiting.close()


class Learner(Stage):
    def fit(self, run):
        self.seen = run
        if run == "raise":
            raise ValueError("no data")

    def run(self):
        return {"seen": self.seen}


def test_an_error_of_a_stage_stays_as_it_is_and_says_which_stage_it_was():
    with pytest.raises(KeyError) as caught:
        made_by(making("a", "b"), {}, {}, None)
    (note,) = caught.value.__notes__
    assert note.startswith("in stage split (")
    assert note.endswith(")")
    fit = Wiring(defined([Learner]), {}, {}).graph(Purpose.TRAINING).calls["learner.fit"]
    with pytest.raises(ValueError, match="no data") as failed:
        made_by(fit, {}, {}, "raise")
    assert failed.value.__notes__[0].startswith("in `fit` of stage learner (")
    assert made_by(fit, {}, {}, "the run") == {"learner.state": {"seen": "the run"}}
