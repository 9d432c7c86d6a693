"""The order of what a stage takes and makes: it counts where the stage sees it, and the cache keeps it."""

from __future__ import annotations

import pytest

from mlpipeline import Pipeline, Stage, stage
from mlpipeline.pipelines.cache import Cache
from mlpipeline.pipelines.outlook import outlooks
from mlpipeline.views.pipeline_why import reason_text


def a():
    return 1.0


def b():
    return 3.0


class Blend(Stage):
    def run(self, **predictions):
        first, second = predictions.values()
        return 0.75 * first + 0.25 * second


class Fits(Stage):
    def fit(self, **parts):
        self.order = list(parts)

    def run(self, **parts):
        return [self.order, list(parts)]


def blended(**predictions):
    return list(predictions)


class Split(Stage):
    def run(self):
        return {"train": 1, "test": 2}


@stage(outputs=["test", "train"])
class Tilps:
    def run(self):
        return {"train": 1, "test": 2}


def names(splits):
    return list(splits)


class Options(Stage):
    def __init__(self, **options):
        self.options = options

    def run(self):
        return {"named": list(self.options)}


class Held:
    def __init__(self, *names):
        for name in names:
            setattr(self, name, 1)

    def run(self):
        return {"named": list(vars(self))}


FORTH, BACK = {"x": "a", "y": "b"}, {"y": "b", "x": "a"}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


@pytest.mark.parametrize("target", [Blend, Fits, blended])
@pytest.mark.parametrize("edges", [(FORTH, BACK), (["a", "b"], ["b", "a"])])
def test_parents_that_come_by_any_name_come_in_the_order_of_their_edge(folder, target, edges):
    for edge in edges:
        pipeline = Pipeline({"a": a, "b": b, "blended": target}, {"blended": edge}, cache=folder)
        kept = pipeline.fit_run(outputs="blended")
        assert kept == pipeline.fit_run(outputs="blended", force=["a", "b", "blended"])


def test_the_artifacts_of_a_parent_come_in_the_order_in_which_it_names_them(folder):
    for target in (Split, Tilps):
        pipeline = Pipeline({"split": target, "names": names}, {"names": "split"}, cache=folder)
        for _ in range(2):
            assert pipeline.run("names") == list(pipeline.run("split")) == list(pipeline.wired({}).makes["split"])


def test_options_reach_a_stage_in_the_order_in_which_they_are_given(folder):
    for order in ("xy", "yx"):
        options = {f"options.{name}": 1 for name in order}
        assert Pipeline({"options": Options}, parameters=options, cache=folder).run("named") == list(order)
        given = Options(**dict.fromkeys(order, 2))
        assert Pipeline({"options": given}, cache=folder).run("named") == list(order)
        by_function = {f"blended.{name}": 1 for name in order}
        assert Pipeline({"blended": blended}, parameters=by_function, cache=folder).run("blended") == list(order)


def test_an_object_that_is_copied_has_its_attributes_in_their_order(folder):
    for order in ("xy", "yx"):
        assert Pipeline({"held": Held(*order)}, cache=folder).run("named") == list(order)


def test_arguments_with_names_of_their_own_have_no_order(folder):
    ran = []

    @stage(version=1)
    def both(x, y, scale: int = 1, shift: int = 0):
        ran.append(1)
        return (x + y) * scale + shift

    for edge, order in ((FORTH, ("scale", "shift")), (BACK, ("shift", "scale"))):
        parameters = dict.fromkeys(order, 2)
        pipeline = Pipeline({"a": a, "b": b, "both": both}, {"both": edge}, parameters=parameters, cache=folder)
        assert pipeline.run("both") == 10.0
    assert ran == [1]


@pytest.mark.parametrize(
    "made",
    [
        {"q": 1, "p": 2},
        {"q": (1,), "p": {"b": 1, "a": b"2"}},
        {("q", 1): {1}, ("p", 1): 2.5},
    ],
)
def test_a_dict_is_handed_on_in_the_order_in_which_it_was_made(folder, made):
    @stage(version=1)
    def makes():
        return made

    @stage(version=1)
    def takes(makes):
        return [list(makes), repr(makes)]

    for _ in range(2):
        found = Pipeline([makes, takes], cache=folder).run(["makes", "takes"])
        assert repr(found["makes"]) == repr(made)
        assert found["takes"] == [list(made), repr(made)]


def reasons(pipeline, folder, asked):
    *_, outlook = outlooks(pipeline.wired({}), Cache(folder), asked)
    return [reason_text(reason, {}, None) for reason in outlook.reasons]


def test_why_says_that_a_stage_with_a_version_takes_the_same_by_a_rest_of_arguments(folder):
    @stage("blend", version=1)
    def by_name(a, b):
        return [a, b]

    @stage("blend", version=1)
    def by_rest(**predictions):
        return [*predictions.values()]

    edges = {"blend": {"a": "a", "b": "b"}}
    Pipeline({"a": a, "b": b, "blend": by_name}, edges, cache=folder).run()
    asked = Pipeline({"a": a, "b": b, "blend": by_rest}, edges, cache=folder)
    assert reasons(asked, folder, "blend") == ["the order in **predictions changed: none → a, b"]


def test_why_says_that_the_order_changed(folder):
    forth, back = (Pipeline({"a": a, "b": b, "blend": Blend}, {"blend": edge}, cache=folder) for edge in (FORTH, BACK))
    forth.run()
    assert reasons(back, folder, "blend") == ["the order in **predictions changed: x, y → y, x"]

    forth, back = (
        Pipeline({"split": target, "names": names}, {"names": "split"}, cache=folder) for target in (Split, Tilps)
    )
    forth.run()
    back.run("split")
    assert reasons(back, folder, "names") == ["the order in splits changed: train, test → test, train"]
