"""Which artifacts are numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mlpipeline.pipelines.numbers import numbers_of


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (3, {"a": 3}),
        (0.5, {"a": 0.5}),
        (True, {"a": 1}),
        (np.float32(0.5), {"a": 0.5}),
        (np.array(2), {"a": 2}),
        ({"f1": 0.5, "count": np.int64(3)}, {"a.f1": 0.5, "a.count": 3}),
        ({1: 0.5}, {"a.1": 0.5}),
        ("0.5", {}),
        (None, {}),
        ([1.0], {}),
        (np.ones(1), {}),
        ({"f1": 0.5, "note": "good"}, {}),
        ({"train": {"f1": 0.5}}, {}),
        ({}, {}),
        (dict.fromkeys(map(str, range(101)), 1), {}),
    ],
)
def test_numbers_and_dicts_of_nothing_else_are_results(value, found):
    assert numbers_of({"a": value}) == found


def test_not_a_number_is_one():
    assert math.isnan(numbers_of({"a": float("nan")})["a"])


def test_a_state_is_none_whatever_it_holds():
    assert numbers_of({"imputer.state": {"mean": 3.0}}) == {}
