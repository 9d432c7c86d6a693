"""Values of constants as texts."""

from __future__ import annotations

import random
import re
import threading
from collections import OrderedDict, defaultdict, deque
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from functools import update_wrapper
from pathlib import PurePosixPath
from types import SimpleNamespace

import numpy as np
import pytest

from mlpipeline.errors import CodeUnknown
from mlpipeline.pipelines.code_reach import Reach
from mlpipeline.pipelines.code_sources import Sources
from mlpipeline.pipelines.code_values import Values
from mlpipeline.pipelines.foreign_objects import told_of


class Colour(Enum):
    RED = 1
    BLUE = 2


class Array(np.ndarray):
    pass


class Draws(random.Random):
    pass


class Place(PurePosixPath):
    pass


class Local(threading.local):
    pass


def of_own_class(base, *arguments):
    """An object of a class of the user's that inherits from another one's."""
    return type("Own", (base,), {"__module__": __name__})(*arguments)


def text(value):
    return Values(Reach(Sources())).text(value)


def test_the_text_of_what_holds_others_grows_with_their_number_alone():
    deep = []
    for _ in range(60):
        deep = {"it": [(Colour.RED, deep)]}
    assert len(text(deep)) < 60 * 200


class Node:
    def __init__(self):
        self.others = set()


def test_sets_that_hold_each_other_in_each_way_have_no_text():
    nodes = [Node() for _ in range(12)]
    for node in nodes:
        node.others.update(other for other in nodes if other is not node)
    with pytest.raises(CodeUnknown, match="hold each other in too many ways"):
        text(nodes)


class Wrapper:
    """What a library makes of a function, with what is another in each process."""

    def __init__(self, function):
        update_wrapper(self, function)
        self.number = object()

    def __call__(self):
        raise NotImplementedError

    def __reduce__(self):
        raise AssertionError("this may take long")


class Called:
    """What a library makes of a function, with a state of any names."""

    def __call__(self):
        raise NotImplementedError

    def __reduce__(self):
        return Called, (), {2: 3, "function": of_own_class, "scale": 0.5, "cache": {}, "draws": random.Random(1)}


def test_of_what_a_library_makes_of_a_function_what_it_was_given_is_told_whatever_that_is_called():
    expected = [(2, 3), ("function", of_own_class), ("scale", 0.5)]
    assert told_of(Called(), takes_apart=False) == ("some", expected, False)


@pytest.mark.parametrize("takes_apart", [False, True])
def test_what_wraps_a_function_of_the_users_is_not_pickled_to_tell_it_apart(takes_apart):
    assert told_of(Wrapper(of_own_class), takes_apart=takes_apart) == ("some", [], False)


@pytest.mark.parametrize(
    ("value", "other"),
    [
        (1, True),
        ([1, 2], (1, 2)),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ([10**5000], [10**5000 + 1]),
        (Colour.RED, Colour.BLUE),
        (date(2020, 1, 1), date(2020, 1, 2)),
        (re.compile("a"), re.compile("b")),
        (np.arange(3), np.arange(3.0)),
        (SimpleNamespace(a=1), SimpleNamespace(a=2)),
        (np.arange(2).view(Array), np.arange(1, 3).view(Array)),
        *(
            (of_own_class(base, *one), of_own_class(base, *other))
            for base, one, other in [
                (deque, ([1],), ([2],)),
                (defaultdict, (int,), (list,)),
                (OrderedDict, ({1: 2, 3: 4},), ({3: 4, 1: 2},)),
                (Decimal, (1,), (2,)),
                (timedelta, (1,), (2,)),
                (complex, (1,), (2,)),
                (bytearray, (b"1",), (b"2",)),
                (ValueError, (1,), (2,)),
            ]
        ),
        (Draws(1), Draws(2)),
        (Place("a"), Place("b")),
    ],
)
def test_equal_values_have_one_text_and_others_have_others(value, other):
    assert text(value) == text(value) != text(other)


def test_sets_have_no_order_and_what_holds_itself_has_an_end():
    assert text({(1, "a"), (2, "b")}) == text({(2, "b"), (1, "a")})
    ring = [1]
    ring.append(ring)
    assert text(ring) == "list [int 0x1, the 0.]"


def test_an_object_of_a_users_class_counts_by_no_attribute_that_its_base_looked_up():
    before = text(place := Place("a"))
    hash(place)
    assert text(place) == before


def test_an_object_of_a_users_class_has_no_value_where_nothing_tells_what_its_base_holds():
    reach = Reach(Sources())
    local = Local()
    Values(reach).text(local)
    assert reach.without_value == [local]
