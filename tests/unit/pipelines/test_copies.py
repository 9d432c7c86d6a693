"""A value that many use, none of whom sees what another does to it."""

from __future__ import annotations

import threading

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from mlpipeline.pipelines.copies import Original


class Own:
    def __init__(self):
        self.seen = ["a"]


def test_containers_arrays_tables_and_own_objects_are_copied():
    value = {
        "list": [1, [2, 3]],
        "set": {1},
        "array": np.arange(3),
        "objects": np.array([[1], None], dtype=object),
        "frame": pd.DataFrame({"a": [1]}),
        "own": Own(),
    }
    original = Original(value)
    taken = original.copy()
    taken["list"][1].append(4)
    taken["set"].add(2)
    taken["array"][0] = 9
    taken["objects"][0].append(2)
    taken["frame"].loc[0, "a"] = 9
    taken["own"].seen.append("b")
    taken["new"] = 1
    again = original.copy()
    assert (again["list"], again["set"], again["array"][0]) == ([1, [2, 3]], {1}, 0)
    assert (again["objects"][0], again["frame"]["a"][0], again["own"].seen) == ([1], 1, ["a"])
    assert "new" not in again


def test_objects_of_libraries_are_copied_and_the_same_for_those_to_whom_they_are_lent():
    model = LinearRegression()
    original = Original({"model": model, "by_name": {"a": model}, "own": [Own(), model]})
    lent, copied = original.lent(), original.copy()
    assert lent["model"] is lent["by_name"]["a"] is lent["own"][1] is model
    assert copied["model"] is copied["by_name"]["a"] is copied["own"][1] is not model
    assert lent["own"][0] is not original.value["own"][0]


class Connection(LinearRegression):
    """Of a library as far as anybody can see, as it inherits from one."""

    def __deepcopy__(self, memo):
        raise TypeError("there can be but the one")


def test_what_cannot_be_copied_is_shared_also_deep_inside():
    connection, own = Connection(), Own()
    own.connection = connection
    original = Original([[own], LinearRegression()])
    (taken,), model = original.copy()
    assert taken.connection is connection
    assert taken.seen is not own.seen
    assert model is not original.value[1]
    assert original.copy()[0][0].connection is connection


def test_what_is_one_object_stays_one():
    inner = [1]
    own = Own()
    taken = Original({"one": inner, "other": inner, "own": [own, {"same": own}]}).copy()
    assert taken["one"] is taken["other"] is not inner
    assert taken["own"][0] is taken["own"][1]["same"] is not own
    circle: list = []
    circle.append(circle)
    taken = Original(circle).copy()
    assert taken[0] is taken is not circle


def test_what_cannot_be_copied_is_shared_and_the_rest_is_not():
    lock, seen = threading.Lock(), [1]
    original = Original({"lock": lock, "seen": seen})
    assert original.copy()["lock"] is lock
    assert original.copy()["seen"] is not seen
    assert list(Original(one for one in [1]).copy()) == [1]


class Large:
    def __deepcopy__(self, memo):
        raise MemoryError


def test_what_finds_no_memory_to_be_copied_is_not_shared_instead():
    for value in Large(), [threading.Lock(), Large()]:
        with pytest.raises(MemoryError):
            Original(value).copy()
