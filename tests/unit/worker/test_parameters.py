from __future__ import annotations

import pytest

from mlpipeline.authoring.versions import Versions
from mlpipeline.domain.changes import NOTHING_FURTHER
from mlpipeline.worker.parameters import changed_parameters, changed_version, parameters_of

NAN = float("nan")


def test_a_version_is_recorded_with_its_own_parameters_whatever_they_are():
    versions = Versions(learning_rate=0.1)
    versions.add_version("v", order=3, loss=len)
    assert parameters_of(versions.getVersion("v")) == {"learning_rate": 0.1, "loss": "<function len>"}


def test_what_set_makes_of_a_version_has_its_name_and_its_values():
    versions = Versions(epoc_count=3)
    versions.add_version("small", lr=0.01, net={"layers": 2, "act": len}, model_dir_suffix="old")
    small = versions.getVersion("small")
    made = changed_version(small, "small@lr=0.1", {"lr": 0.1, "net": {"layers": 4}, "epoch_count": 5}, NOTHING_FURTHER)
    assert (made.name, made.suffix) == ("small@lr=0.1", "old@lr=0.1")
    assert made.own_parameters() == {"lr": 0.1, "net": {"layers": 4, "act": len}, "epoch_count": 5}
    assert made.epoc_count == 5
    assert small.own_parameters() == {"lr": 0.01, "net": {"layers": 2, "act": len}, "epoch_count": 3}


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
