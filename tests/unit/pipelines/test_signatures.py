"""What a stage takes, read from its signature."""

from __future__ import annotations

import functools
import inspect

import pytest

from mlpipeline import stage
from mlpipeline.pipelines.signatures import arguments_of, constructor_arguments


def plain(data, labels=None, *, rate: float = 0.1, depth, **others):
    inner = data
    return inner, labels


def nothing(): ...


def only_rest(**others): ...


@functools.wraps(plain)
def wrapping(*args, **kwargs):
    return plain(*args, **kwargs)


marked = stage("marked")(lambda data, rate=2: data)


class Fit:
    def __init__(self, epochs, rate=0.5, *, depth=3): ...

    def run(self, data, weights=None): ...


FUNCTIONS = [plain, nothing, only_rest, wrapping, marked, Fit.run, Fit.__init__]


def told(arguments):
    return [(one.name, one.default, one.is_rest) for one in arguments]


def expected(function):
    parameters = inspect.signature(function).parameters.values()
    return [(one.name, one.default, one.kind is inspect.Parameter.VAR_KEYWORD) for one in parameters]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_arguments_are_those_of_the_signature(function):
    assert told(arguments_of(function)) == expected(function)
    assert told(arguments_of(function, is_method=True)) == expected(function)[1:]


def test_plain_functions_are_not_inspected(monkeypatch):
    monkeypatch.setattr(inspect, "signature", None)
    assert [one.name for one in arguments_of(plain)] == ["data", "labels", "rate", "depth", "others"]
    assert told(arguments_of(Fit.run, is_method=True)) == [
        ("data", inspect.Parameter.empty, False),
        ("weights", None, False),
    ]
    assert [one.name for one in constructor_arguments(Fit)] == ["epochs", "rate", "depth"]
