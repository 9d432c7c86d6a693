"""What a stage makes, as its syntax shows it."""

from __future__ import annotations

import functools

import pytest

from mlpipeline import Artifact, artifact
from mlpipeline.pipelines.returned_keys import KeysUnknown, returned_keys


@artifact("weights")
class Weights(Artifact):
    pass


class markers:
    class TestData(Artifact):
        pass


def literal(data):
    return {"train": data, "test": data}


def by_markers(data):
    return {Weights: data, markers.TestData: data}


def in_both_branches(data):
    if not data:
        raise ValueError(data)
    if data == 1:
        return {"a": 1, "b": 2}
    with data.open() as file:
        try:
            return {"b": 2, "a": 1}
        finally:
            file.close()


def conditional(data):
    return {"a": 1} if data else {"a": 2} if data is None else {"a": 3}


def around_others(data):
    def inner():
        return data

    class Other:
        def run(self):
            return {"other": 1}

    key = lambda item: item.name  # noqa: E731
    return {"own": sorted(Other, key=key)}


class Indented:
    def run(self):
        text = """
at the margin
"""
        return {"text": text}


@functools.cache
def wrapped():
    return {"wrapped": 1}


@pytest.mark.parametrize(
    ("function", "keys"),
    [
        (literal, ("train", "test")),
        (by_markers, ("weights", "test_data")),
        (in_both_branches, ("a", "b")),
        (conditional, ("a",)),
        (around_others, ("own",)),
        (Indented.run, ("text",)),
        (wrapped, ("wrapped",)),
    ],
)
def test_the_keys_of_literal_dicts_are_what_a_stage_makes(function, keys):
    assert returned_keys(function) == keys


def test_a_marker_class_of_the_function_around_it_is_known():
    class Local(Artifact):
        pass

    def run():
        return {Local: 1}

    assert returned_keys(run) == ("local",)


def name(data):
    result = {"a": data}
    return result  # noqa: RET504


def call(data):
    return dict(a=data)


def spread(data):
    return {**data, "a": 1}


def computed(data):
    return {data: 1}


def counted(data):
    return {1: data}


def nothing(data):
    data.save()


def bare(data):
    if not data:
        return  # noqa: RET502
    return {"a": 1}


def empty(data):
    return {}


def twice(data):
    return {"a": 1, "a": data}  # noqa: F601


def differs(data):
    if data:
        return {"a": 1}
    return {"a": 1, "b": 2}


def half(data):
    return {"a": 1} if data else None


def no_marker(data):
    return {len: data}


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (name, "line {2} returns `result`, which is no literal dict"),
        (call, "line {1} returns `dict(a=data)`, which is no literal dict"),
        (spread, "line {1} returns a dict with `**`, whose keys are not to be seen"),
        (computed, "line {1} returns a dict with the key `data`, which is no marker class"),
        (counted, "line {1} returns a dict with the key `1`, no literal"),
        (nothing, "it returns nothing"),
        (bare, "line {2} returns nothing"),
        (empty, "line {1} returns an empty dict"),
        (twice, 'line {1} returns the key "a" twice'),
        (differs, "line {2} returns a, line {3} a, b"),
        (half, "line {1} returns `None`, which is no literal dict"),
        (no_marker, "line {1} returns a dict with the key `len`, which is no marker class"),
        (len, "its source cannot be read"),
        (eval("lambda: {'a': 1}"), "its source cannot be read"),
    ],
)
def test_what_is_not_to_be_seen_is_said_with_its_line(function, why):
    first = getattr(getattr(function, "__code__", None), "co_firstlineno", 0)
    with pytest.raises(KeysUnknown) as caught:
        returned_keys(function)
    assert str(caught.value) == why.format(*(first + offset for offset in range(4)))
