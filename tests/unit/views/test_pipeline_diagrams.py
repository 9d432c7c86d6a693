"""A pipeline as other tools draw it: whatever its stages are called, what is drawn is that and nothing else."""

from __future__ import annotations

import html
import re
from itertools import pairwise

import pydot
import pytest

from mlpipeline import stage
from mlpipeline.pipelines.definitions import defined
from mlpipeline.pipelines.outlook import Outlook, Standing
from mlpipeline.pipelines.wiring import Purpose, Wiring
from mlpipeline.views.pipeline_diagrams import dot, mermaid

#: Words and signs of both languages, of HTML, of Markdown and of entities.
ODD = ['say "hi"', "end", "graph", "<b>bold<b>", "#35; & &amp;", "`code` *x* _y_", "a;b|c]})", "ä 数 🚀"]


def outlooks(names, makes):
    """Return what is to be expected of stages that take from each other in a row."""

    class Makes:
        def run(self): ...

    class Takes:
        def run(self, data): ...

    stages = {}
    for number, name in enumerate(names):
        kind = type("Stage", (Takes if number else Makes,), {})
        stages[name] = stage(outputs=makes(name))(kind)
    edges = {name: [makes(before)[0]] for before, name in pairwise(names)}
    graph = Wiring(defined(stages), edges, {}).graph(Purpose.TRAINING)
    standings = [Standing.CACHED, Standing.WOULD_RUN, Standing.MAY_RUN]
    return [Outlook(call=call, standing=standings[min(number, 2)]) for number, call in enumerate(graph.calls.values())]


FOUND = outlooks(ODD, lambda name: [f"{name} out", f"{name} rest"])

#: A flowchart in as much of the language as is used.
_TEXT = r'"([^"]*)"'
_BOX = re.compile(rf"    (\w+)(?:\[{_TEXT}\]:::(\w+)|\(\[{_TEXT}\]\))")
_ARROW = re.compile(rf"    (\w+) -->(?:\|{_TEXT}\|)? (\w+)")
_CLASS = re.compile(r"    classDef (\w+) fill:#[0-9a-f]{6},stroke:#[0-9a-f]{6},color:#[0-9a-f]{6}")


def shown(text):
    """Return what Mermaid shows for a text: `#35;` is a character by its number."""
    assert re.fullmatch(r"(?:[\w ,]|#\d+;)*", text), text
    return html.unescape(text.replace("#", "&#"))


def test_mermaid_shows_every_name_as_it_is():
    first, *lines = mermaid(FOUND).splitlines()
    assert first == "flowchart TD"
    boxes, arrows, classes = {}, [], set()
    for line in lines:
        if box := _BOX.fullmatch(line):
            id, name, standing, artifact = box.groups()
            if artifact is None:
                name, said = name.split("<br/>")
                assert said == standing.replace("_", " ")
            boxes[id] = (shown(name if artifact is None else artifact), standing)
        elif arrow := _ARROW.fullmatch(line):
            source, label, target = arrow.groups()
            arrows.append((boxes[source][0], shown(label or ""), boxes[target][0]))
        else:
            classes.add(_CLASS.fullmatch(line)[1])
    assert [name for name, standing in boxes.values() if standing] == ODD
    assert boxes["s0"][1] == "cached"
    assert classes == {"cached", "would_run", "may_run"}
    assert (ODD[0], f"{ODD[0]} out", ODD[1]) in arrows
    # What nobody takes is drawn, too.
    assert (ODD[0], "", f"{ODD[0]} rest") in arrows
    assert len(arrows) == 2 * len(ODD)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:pydot")
def test_graphviz_shows_every_name_as_it_is():
    (graph,) = pydot.graph_from_dot_data(dot(FOUND, 'net:"odd"'))

    def label(part):
        text = part.get("label") or '""'
        assert text[0] == text[-1] == '"'
        return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], text[1:-1])

    names = {box.get_name(): label(box).partition("\n") for box in graph.get_nodes()}
    stages = {id: name for id, (name, line, _) in names.items() if line}
    assert list(stages.values()) == ODD
    assert names["s0"][2] == "cached"
    edges = {(edge.get_source(), label(edge), edge.get_destination()) for edge in graph.get_edges()}
    assert ("s0", f"{ODD[0]} out", "s1") in edges
    assert len(edges) == 2 * len(ODD)


def test_an_artifact_that_is_called_as_its_stage_is_not_named_twice():
    lines = mermaid(outlooks(["load", "train"], lambda name: [name])).splitlines()
    assert lines[1:4] == [
        '    s0["load<br/>cached"]:::cached',
        '    s1["train<br/>would run"]:::would_run',
        "    s0 --> s1",
    ]
