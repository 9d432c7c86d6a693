from __future__ import annotations

import pytest

from mlpipeline.authoring.versions import Versions
from mlpipeline.worker.parameters import changed_parameters, parameters_of

NAN = float("nan")


def test_a_version_is_recorded_with_its_own_parameters_whatever_they_are():
    versions = Versions(learning_rate=0.1)
    versions.add_version("v", order=3, loss=len)
    assert parameters_of(versions.getVersion("v")) == {"learning_rate": 0.1, "loss": "<function len>"}


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ({"a": NAN, "b": {"x": 1, "y": 2}}, {"b": {"y": 2, "x": 1}, "a": NAN}, []),
        ({"b": 1, "a": 1}, {"b": 2, "a": 2}, ["a", "b"]),
        ({"a": 1}, {"a": 1.0}, ["a"]),
        ({"a": None}, {}, ["a"]),
        ({}, {"a": None}, ["a"]),
    ],
)
def test_the_parameters_that_differ_are_named(before, after, changed):
    assert changed_parameters(before, after) == changed
