"""A pipeline as a graph: its order, and why it can be none."""

from __future__ import annotations

import pytest

from mlpipeline.domain.graph import Graph, Node, Source
from mlpipeline.errors import PipelineError


def node(name, takes="", makes=None, lacks=None):
    return Node(
        name=name,
        makes=tuple((makes or name).split()),
        takes={artifact: Source(artifacts=(artifact,)) for artifact in takes.split()},
        lacks=lacks,
    )


def names(nodes):
    return [node.name for node in nodes]


def test_each_node_comes_after_those_that_it_needs():
    graph = Graph([node("score", "model test"), node("fit", "train", "model"), node("load", makes="train test")])
    assert list(graph.nodes) == ["load", "fit", "score"]


def test_only_what_is_needed_is_gone_through():
    graph = Graph([node("load", makes="train test"), node("fit", "train", "model"), node("plot", "test")])
    assert names(graph.needed(["model"])) == ["load", "fit"]


def test_what_is_handed_in_is_not_made():
    nodes = [node("load", makes="train"), node("fit", "train", "model"), node("score", "model other")]
    graph = Graph(nodes, handed_in=["train", "other"])
    assert names(graph.needed(["score"])) == ["fit", "score"]


def test_a_node_that_lacks_something_keeps_only_those_from_running_that_need_it():
    graph = Graph([node("load", makes="train"), node("fit", "train", lacks="fit lacks epochs.")])
    assert names(graph.needed(["train"])) == ["load"]
    with pytest.raises(PipelineError, match=r"^fit lacks epochs\.$"):
        graph.needed(["fit"])


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (
            [node("load", makes="train"), node("fit", "trian")],
            'fit takes "trian", which no stage makes. Did you mean "train"?',
        ),
        (
            [node("fit", "qqq")],
            'fit takes "qqq", which no stage makes. Add a stage that makes it, or an Input of that name; '
            "a parameter belongs to the constructor.",
        ),
        (
            [
                Node(name="fit", makes=("model",), takes={"X": Source(artifacts=("trian",))}),
                node("load", makes="train"),
            ],
            'fit takes "trian" as X, which no stage makes. Did you mean "train"?',
        ),
        (
            [node("one", makes="data"), node("two", makes="data")],
            '"data" is made by two stages, one and two. Rename one.',
        ),
        (
            [node("load", makes="data"), node("clean", "data", "data")],
            '"data" is made by two stages, load and clean. clean takes it as well: give what it makes of it another '
            "name.",
        ),
        (
            [node("clean", "data", "data")],
            'clean takes "data" and makes it. Give what it makes another name.',
        ),
    ],
)
def test_what_does_not_fit_together_is_an_error_that_names_it(nodes, message):
    with pytest.raises(PipelineError) as caught:
        Graph(nodes)
    assert str(caught.value) == message


def test_a_circle_is_told_whole_with_what_is_handed_on_and_in_the_direction_of_the_data():
    nodes = [
        node("load"),
        node("clean", "load weights", "cleaned"),
        node("fit", "cleaned", "model"),
        node("weights", "model"),
    ]
    with pytest.raises(PipelineError) as caught:
        Graph(nodes)
    message = str(caught.value)
    assert message.startswith("the stages need each other in a circle: ")
    circle = message.removeprefix("the stages need each other in a circle: ").partition(". ")[0]
    one_way = "clean -(cleaned)-> fit -(model)-> weights -(weights)-> "
    # It may begin anywhere.
    assert any(circle == one_way[at:] + one_way[:at] + first for at, first in _beginnings(one_way))


def _beginnings(one_way):
    return [(one_way.index(f"{name} -("), name) for name in ("clean", "fit", "weights")]
