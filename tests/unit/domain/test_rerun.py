"""Why a stage of a pipeline runs again."""

from __future__ import annotations

from dataclasses import replace

from mlpipeline.domain.rerun import Reason, Why, differences, nearest
from mlpipeline.pipelines.code import Part
from mlpipeline.pipelines.records import Basis, Made

BASIS = Basis(
    stage="train_model",
    makes=("weights",),
    parameters={"epochs": "digest of 3", "optimizer": "digest of an object"},
    shown={"epochs": "3"},
    inputs={"data": "digest of data"},
    parts=(Part(name="features.normalize", digest="a", file="features.py", line=12), Part(name="SCALE", digest="b")),
    packages={"numpy": "2.1.0"},
)


def made(key: str, at: str, **changes) -> Made:
    return Made(key=key, basis=replace(BASIS, **changes), artifacts=(), seconds=1.0, made_at=at, run=None)


def told(was: Basis, now: Basis, unknown=()) -> list[tuple]:
    return [(r.why, r.what, r.place, r.was, r.now) for r in differences(was, now, unknown)]


def test_another_order_is_told_where_the_stage_sees_one():
    was = replace(BASIS, orders={"**predictions": ("x", "y"), "splits": ("train", "test")})
    turned = replace(BASIS, orders={"**predictions": ("y", "x"), "splits": ("train", "test")})
    assert told(was, turned) == [(Why.ORDER, "**predictions", None, "x, y", "y, x")]
    assert was.key() != turned.key()


def test_of_an_order_in_which_something_came_or_went_what_is_new_or_gone_is_told():
    was = replace(BASIS, inputs={"x": "1", "y": "2"}, orders={"**predictions": ("x", "y")})
    now = replace(BASIS, inputs={"z": "3", "y": "2"}, orders={"**predictions": ("z", "y")})
    assert told(was, now) == [(Why.INPUT_NEW, "z", None, None, None), (Why.INPUT_GONE, "x", None, None, None)]
    split = replace(BASIS, inputs={"splits": "1"}, orders={"splits": ("train", "test")})
    longer = replace(BASIS, inputs={"splits": "2"}, orders={"splits": ("train", "validation", "test")})
    assert told(split, longer) == [(Why.INPUT_CHANGED, "splits", None, None, None)]


def test_an_order_is_told_where_nothing_else_tells_that_the_arguments_are_others():
    by_name = replace(BASIS, version="1", inputs={"x": "1", "y": "2"})
    rest_of_one = replace(by_name, orders={"**rest": ("y",)})
    rest_of_all = replace(by_name, orders={"**rest": ("x", "y")})
    assert told(by_name, rest_of_all) == [(Why.ORDER, "**rest", None, "none", "x, y")]
    assert told(rest_of_all, by_name) == [(Why.ORDER, "**rest", None, "x, y", "none")]
    assert told(rest_of_one, rest_of_all) == [(Why.ORDER, "**rest", None, "y", "x, y")]


def test_nothing_differs_where_code_has_only_moved():
    moved = replace(BASIS, parts=tuple(replace(part, file="other.py", line=1) for part in reversed(BASIS.parts)))
    assert differences(BASIS, moved) == []


def test_all_that_is_not_as_it_was_is_told_the_code_first_and_with_where_it_stands():
    now = replace(
        BASIS,
        makes=("weights", "loss"),
        parameters={"epochs": "digest of 5", "optimizer": "digest of another", "lr": "digest of 0.1"},
        shown={"epochs": "5", "lr": "0.1"},
        inputs={"data": "digest of other data", "labels": "digest of labels"},
        parts=(
            Part(name="features.normalize", digest="A", file="features.py", line=14),
            Part(name="features.clip", digest="c", file="features.py", line=2),
        ),
        packages={"numpy": "2.2.0", "scipy": "1.14"},
    )
    assert told(BASIS, now) == [
        (Why.CODE_CHANGED, "features.normalize", "features.py:14", None, None),
        (Why.CODE_NEW, "features.clip", "features.py:2", None, None),
        (Why.CODE_GONE, "SCALE", None, None, None),
        (Why.PARAMETER, "epochs", None, "3", "5"),
        (Why.PARAMETER, "optimizer", None, "…", "…"),
        (Why.PARAMETER, "lr", None, None, "0.1"),
        (Why.INPUT_CHANGED, "data", None, None, None),
        (Why.INPUT_NEW, "labels", None, None, None),
        (Why.PACKAGE, "numpy", None, "2.1.0", "2.2.0"),
        (Why.PACKAGE, "scipy", None, None, "1.14"),
        (Why.OUTPUTS, "outputs", None, "weights", "weights, loss"),
    ]


def test_a_version_stands_for_all_of_the_code():
    first = replace(BASIS, version="1", parts=(), packages={})
    assert told(first, replace(first, version="2")) == [(Why.VERSION, "version", None, "1", "2")]
    from_code = [why for why, *_ in told(BASIS, first)]
    assert from_code == [Why.VERSION]


def test_of_an_input_that_is_not_known_nothing_is_said():
    now = replace(BASIS, inputs={})
    assert differences(BASIS, now, unknown=["data"]) == []
    assert differences(BASIS, now) == [Reason(why=Why.INPUT_GONE, what="data")]
    # That it is taken at all may be new.
    assert differences(BASIS, now, unknown=["data", "labels"]) == [Reason(why=Why.INPUT_NEW, what="labels")]


def test_the_nearest_differs_in_the_fewest_things_and_is_the_newest_of_those():
    records = [
        made("far", "2026-11-20T16:00:00.000+01:00", parameters={}, packages={}),
        made("near", "2026-11-20T14:00:00.000+01:00", packages={}),
        # Later than that, though it reads as if it were earlier.
        made("near and newer", "2026-11-20T13:30:00.000+00:00", packages={"numpy": "1.26"}),
    ]
    found = nearest(records, BASIS)
    assert found is not None
    assert (found[0].key, [reason.why for reason in found[1]]) == ("near and newer", [Why.PACKAGE])
    assert nearest([], BASIS) is None
