"""A pipeline as a graph: its order, and why it can be none."""

from __future__ import annotations

import pytest

from mlpipeline.domain.graph import Call, Graph, Source
from mlpipeline.errors import CallLacks, PipelineError


def call(name, takes="", makes=None, lacks=None):
    return Call(
        name=name,
        makes=tuple((makes or name).split()),
        takes={artifact: Source(artifacts=(artifact,)) for artifact in takes.split()},
        lacks=lacks,
    )


def names(calls):
    return [call.name for call in calls]


def test_each_call_comes_after_those_that_it_needs():
    graph = Graph([call("score", "model test"), call("fit", "train", "model"), call("load", makes="train test")])
    assert list(graph.calls) == ["load", "fit", "score"]


def test_only_what_is_needed_is_gone_through():
    graph = Graph([call("load", makes="train test"), call("fit", "train", "model"), call("plot", "test")])
    assert names(graph.needed(["model"])) == ["load", "fit"]


def test_what_is_handed_in_is_not_made():
    calls = [call("load", makes="train"), call("fit", "train", "model"), call("score", "model other")]
    graph = Graph(calls, handed_in=["train", "other"])
    assert names(graph.needed(["score"])) == ["fit", "score"]


def test_a_call_that_lacks_something_keeps_only_those_from_running_that_need_it():
    graph = Graph([call("load", makes="train"), call("fit", "train", lacks="fit lacks epochs.")])
    assert names(graph.needed(["train"])) == ["load"]
    with pytest.raises(CallLacks, match=r"^fit lacks epochs\.$") as raised:
        graph.needed(["fit"])
    assert raised.value.call == "fit"


@pytest.mark.parametrize(
    ("calls", "message"),
    [
        (
            [call("load", makes="train"), call("fit", "trian")],
            'fit takes "trian", which no stage makes. Did you mean "train"?',
        ),
        (
            [call("fit", "qqq")],
            'fit takes "qqq", which no stage makes. Add a stage that makes it, or an Input of that name; '
            "a parameter belongs to the constructor.",
        ),
        (
            [
                Call(name="fit", makes=("model",), takes={"X": Source(artifacts=("trian",))}),
                call("load", makes="train"),
            ],
            'fit takes "trian" as X, which no stage makes. Did you mean "train"?',
        ),
        (
            [call("one", makes="data"), call("two", makes="data")],
            '"data" is made by two stages, one and two. Rename one.',
        ),
        (
            [call("load", makes="data"), call("clean", "data", "data")],
            '"data" is made by two stages, load and clean. clean takes it as well: give what it makes of it another '
            "name.",
        ),
        (
            [call("clean", "data", "data")],
            'clean takes "data" and makes it. Give what it makes another name.',
        ),
    ],
)
def test_what_does_not_fit_together_is_an_error_that_names_it(calls, message):
    with pytest.raises(PipelineError) as caught:
        Graph(calls)
    assert str(caught.value) == message


def test_a_circle_is_told_whole_with_what_is_handed_on_and_in_the_direction_of_the_data():
    calls = [
        call("load"),
        call("clean", "load weights", "cleaned"),
        call("fit", "cleaned", "model"),
        call("weights", "model"),
    ]
    with pytest.raises(PipelineError) as caught:
        Graph(calls)
    message = str(caught.value)
    assert message.startswith("the stages need each other in a circle: ")
    circle = message.removeprefix("the stages need each other in a circle: ").partition(". ")[0]
    one_way = "clean -(cleaned)-> fit -(model)-> weights -(weights)-> "
    # It may begin anywhere.
    assert any(circle == one_way[at:] + one_way[:at] + first for at, first in _beginnings(one_way))


def _beginnings(one_way):
    return [(one_way.index(f"{name} -("), name) for name in ("clean", "fit", "weights")]
