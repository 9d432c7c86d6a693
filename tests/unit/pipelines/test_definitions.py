"""A stage as its script defines it."""

from __future__ import annotations

import functools
from dataclasses import InitVar, dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest

from mlpipeline import Artifact, Input, Primary, Stage, stage
from mlpipeline.errors import PipelineError
from mlpipeline.pipelines.definitions import StageDefinition, defined, marked_stages

FIRST_LINE = 22


@stage("loads")
class Load:
    def run(self):
        return {"data": 1}


@stage
def scale(data, factor=2):
    return factor * data


class Data(Artifact):
    pass


@dataclass
class Settings(Stage):
    epochs: int
    layers: list[int] = field(default_factory=list)
    seen: int = field(default=0, init=False)

    def run(self):
        return {"settings": (self.epochs, self.layers)}


@dataclass
class Plain:
    epochs: int = 3

    def run(self):
        return {"plain": self.epochs}


@dataclass
class Forgetful:
    start: InitVar[int]

    def __post_init__(self, start):
        self.end = start + 1

    def run(self):
        return {"end": self.end}


class Tuple(NamedTuple):
    epochs: int = 3

    def run(self):
        return {"tuple": self.epochs}


class Child(Settings):
    pass


class Slots:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value

    def run(self):
        return {"value": self.value}


class Static:
    @staticmethod
    def run(data):
        return {"static": data}


class NameOnly:
    pass


def of(target, name=None):
    return StageDefinition.of(target, name)


def names(arguments):
    return [argument.name for argument in arguments]


def test_stages_are_called_as_marked_or_given_or_as_they_are_themselves():
    assert [of(target).name for target in (Load, Load(), scale, Settings, Settings(1))] == [
        "loads",
        "loads",
        "scale",
        "settings",
        "settings",
    ]
    assert of(Load, "other").name == "other"
    assert of(lambda: 1, "one").name == "one"


def test_an_error_says_where_the_stage_stands():
    line = Path(__file__).read_text("utf-8").splitlines().index('@stage("loads")') + 1
    assert of(Load).title.startswith("stage loads (")
    assert of(Load).title.endswith(f"test_definitions.py:{line})")
    assert of(functools.cache(lambda: 1), "x").title.startswith("stage x (")
    assert of(len).title == "stage len"


@pytest.mark.parametrize(
    ("target", "constructor"),
    [
        (Load, []),
        (Settings, ["epochs", "layers"]),
        (Child, ["epochs", "layers"]),
        (Plain(2), ["epochs"]),
        (Tuple, ["epochs"]),
        (Forgetful, ["start"]),
        (scale, []),
    ],
)
def test_the_parameters_of_a_class_are_the_arguments_of_its_constructor(target, constructor):
    assert names(of(target).constructor) == constructor


def test_defaults_are_known_unless_each_call_makes_them_anew():
    assert of(scale).defaults == {"factor": 2}
    assert of(Settings).defaults == {}
    assert of(Plain).defaults == of(Plain(2)).defaults == of(Tuple).defaults == {"epochs": 3}


@pytest.mark.parametrize(
    ("target", "given"),
    [
        (Settings, {}),
        (Settings(4, layers=[1]), {"epochs": 4, "layers": [1]}),
        (Child(4), {"epochs": 4}),
        (Plain(2), {"epochs": 2}),
        (Forgetful(2), {"end": 3}),
        (Slots(3), {"self": (None, {"value": 3})}),
        (Load(), {}),
    ],
)
def test_what_an_object_was_made_with_counts_else_all_that_it_holds(target, given):
    assert of(target).given == given


def test_an_object_is_made_anew_for_each_call_or_copied():
    settings, layers = Settings(4), []
    assert of(settings).built({"epochs": 5, "layers": layers}).run() == {"settings": (5, layers)}
    assert of(settings).built({}) is not settings
    assert of(Plain(2)).built({"epochs": 5}).run() == {"plain": 5}
    forgetful = Forgetful(2)
    assert of(forgetful).built(of(forgetful).given).run() == {"end": 3}
    assert of(forgetful).built({}) is not forgetful


def test_what_a_stage_takes_is_what_its_run_takes():
    assert names(of(Static).run_arguments) == ["data"]
    assert names(of(scale).run_arguments) == ["data", "factor"]
    assert of(Input, "x").run_arguments == ()
    assert names(of(Primary(), "x").run_arguments) == ["data"]
    wrapped = functools.cache(scale)
    assert names(of(wrapped).run_arguments) == ["data", "factor"]


def test_what_a_stage_makes():
    assert of(Load).outputs(by_edges=False).names == ("data",)
    assert of(scale).outputs(by_edges=False).names == ("scale",)
    assert of(Input, "new").outputs(by_edges=False).names == ("new",)
    assert of(stage(outputs=[Data, "b"])(Static)).outputs(by_edges=True).names == ("data", "b")
    del Static.__mlpipeline_stage__


def unseen(self):
    return self.result


def test_what_a_stage_makes_that_says_nothing_of_it_is_unknown_but_by_edges():
    target = type("Unseen", (), {"run": unseen})
    with pytest.raises(PipelineError, match=r"what it makes is not known, as line \d+ returns `self.result`.*outputs="):
        of(target).outputs(by_edges=False)
    assert of(target).outputs(by_edges=True).names == ("unseen",)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../x", "path separator"),
        ("a/b", "path separator"),
        ("", "empty"),
        (".", "stands for another folder"),
        ("x" * 300, "300 bytes"),
        ("a\nb", "control character"),
        ("a.b", 'holds a full stop, which stands between a stage and its parameter. Say "a_b".'),
        (3, "a name is a text, and 3 is none"),
    ],
)
def test_a_name_that_can_be_no_part_of_a_path_is_refused_for_stages_and_artifacts(name, expected):
    with pytest.raises(PipelineError) as caught:
        defined({name: Load})
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    if isinstance(name, str):
        with pytest.raises(PipelineError) as caught:
            of(stage(outputs=[name])(Static)).outputs(by_edges=False)
        assert expected in str(caught.value)
        del Static.__mlpipeline_stage__


def test_no_artifact_is_called_as_the_run():
    with pytest.raises(PipelineError, match="an argument of that name gets the run"):
        of(lambda: 1, "run").outputs(by_edges=False)


def positional(data, /): ...


def many(*data): ...


class Positional:
    def __init__(self, a, /): ...

    def run(self):
        return {"a": 1}


class Many(Stage):
    def __init__(self, *layers): ...

    def fit(self, *data): ...

    def run(self):
        return {"a": 1}


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (lambda: of(positional).run_arguments, "it takes data by position only, and stages get everything by name"),
        (lambda: of(many).run_arguments, "it takes *data, and stages get everything by name: write **data"),
        (lambda: of(Positional).constructor, "its constructor takes a by position only"),
        (lambda: of(Many(1)).constructor, "its constructor takes *layers"),
        (lambda: of(Many).fit_arguments, "its `fit` takes *data"),
        (lambda: of(NameOnly), "NameOnly has no method `run`."),
        (lambda: of(3, "three"), "int has no method `run`; it is no function and no class with one."),
        (lambda: of(lambda: 1), "a lambda has no name; give it one"),
        (lambda: of(functools.partial(scale, 1)), "a partial has neither a name nor code"),
        (lambda: defined("load"), "the stages are a str; they are to be a list"),
        (lambda: defined(Load), "the stages are a type; they are to be a list"),
    ],
)
def test_what_can_be_no_stage_is_an_error(read, expected):
    with pytest.raises(PipelineError) as caught:
        read()
    assert expected in str(caught.value)


def test_a_module_has_the_stages_that_are_marked_there_each_once():
    found = marked_stages({"a": Load, "b": scale, "same": Load, "child": Child, "x": 3, "Data": Data})
    assert [definition.name for definition in found] == ["loads", "scale"]
