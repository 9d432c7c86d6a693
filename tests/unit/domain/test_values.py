from __future__ import annotations

import math
from datetime import datetime
from enum import Enum, IntEnum, StrEnum
from functools import partial
from pathlib import Path
from unittest.mock import MagicMock

import numpy
import pytest

from mlpipeline.domain.values import as_json, as_number, as_parameter, described, is_opaque
from mlpipeline.errors import NotJson


class Small:
    def forward(self):
        return None


def build():
    return None


class Color(Enum):
    RED = 1


class Loss(StrEnum):
    HINGE = "hinge"


class Level(IntEnum):
    HIGH = 3


class TorchLikeScalar:
    """What a zero-dimensional torch tensor looks like: its shape is a subclass of tuple."""

    class Size(tuple):
        pass

    shape = Size()

    def item(self):
        return 0.25


class TestAsJson:
    @pytest.mark.parametrize("value", [None, True, 3, 2.5, "text", [1, [2]], {"a": {"b": None}}])
    def test_keeps_json_types(self, value):
        assert value == as_json(value, "key")

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ((1, (2, 3)), [1, [2, 3]]),
            (Path("a/b"), "a/b"),
            (numpy.float32(0.5), 0.5),
            (numpy.float64(0.5), 0.5),
            (numpy.longdouble(0.5), 0.5),
            (numpy.int64(7), 7),
            (numpy.bool_(True), True),
            (numpy.str_("a"), "a"),
            (numpy.array(4), 4),
            (TorchLikeScalar(), 0.25),
            (Loss.HINGE, "hinge"),
            (Level.HIGH, 3),
        ],
    )
    def test_converts_to_the_plain_python_type(self, value, expected):
        converted = as_json(value, "key")
        assert expected == converted
        assert type(expected) is type(converted)

    def test_keeps_bools_apart_from_ints(self):
        assert as_json(True, "key") is True

    def test_keeps_nan_and_the_infinities_as_floats(self):
        nan, infinity = as_json([numpy.float32("nan"), -math.inf], "key")
        assert math.isnan(nan)
        assert -math.inf == infinity

    @pytest.mark.parametrize(
        ("value", "key", "told"),
        [
            ({"matrix": [1, 2, {3}]}, "confusion.matrix[2]", "a set"),
            ({"matrix": [1, {"x": object()}]}, "confusion.matrix[1].x", "an object"),
            (numpy.zeros(3), "confusion", "a numpy.ndarray"),
            (datetime(2026, 1, 1), "confusion", "a datetime.datetime"),
            (b"bytes", "confusion", "a bytes"),
            (1 + 2j, "confusion", "a complex"),
            (numpy.complex64(1), "confusion", "a numpy.complex64"),
            (numpy.array([1])[:0], "confusion", "a numpy.ndarray"),
            (MagicMock(), "confusion", "MagicMock"),
            ({1: 0.5}, "confusion", "the key 1, an int"),
        ],
    )
    def test_refuses_anything_else_and_says_where_and_what(self, value, key, told):
        with pytest.raises(NotJson) as caught:
            as_json(value, "confusion")
        assert key == caught.value.key
        assert str(caught.value).startswith(f"{key}: ")
        assert told in str(caught.value)

    def test_leaves_out_the_dot_where_the_value_is_the_top(self):
        with pytest.raises(NotJson) as caught:
            as_json({"a": [b""]}, "")
        assert caught.value.key == "a[0]"

    @pytest.mark.parametrize(("value", "advice"), [(numpy.zeros(2), ".tolist()"), ({1}, "sorted(")])
    def test_says_what_to_do(self, value, advice):
        with pytest.raises(NotJson, match=r".") as caught:
            as_json(value, "key")
        assert advice in str(caught.value)

    def test_refuses_what_contains_itself(self):
        endless: list[object] = [1]
        endless.append(endless)
        with pytest.raises(NotJson, match="contains itself") as caught:
            as_json(endless, "key")
        assert caught.value.key == "key[1]"

    def test_takes_the_same_object_twice(self):
        inner = [1]
        assert as_json([inner, inner], "key") == [[1], [1]]


class TestAsParameter:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (build, f"<function {__name__}.build>"),
            (Small, f"<class {__name__}.Small>"),
            (Small(), f"<{__name__}.Small object>"),
            (Small().forward, f"<function {__name__}.Small.forward>"),
            (lambda: None, f"<function {__name__}.TestAsParameter.<lambda>>"),
            (int, "<class int>"),
            (len, "<function len>"),
            (object(), "<object object>"),
            (partial(build), "<functools.partial object>"),
            (numpy.zeros(2), "<numpy.ndarray object>"),
            (Color.RED, f"<{__name__}.Color.RED>"),
        ],
    )
    def test_describes_what_cannot_be_json_without_an_address(self, value, expected):
        assert expected == as_parameter(value)
        assert "0x" not in described(value)

    def test_describes_only_the_part_that_cannot_be_json(self):
        assert as_parameter({"net": (int, 3), "lr": numpy.float64(0.1)}) == {"net": ["<class int>", 3], "lr": 0.1}

    def test_turns_keys_into_text(self):
        assert as_parameter({0: 1.0, int: 2}) == {"0": 1.0, "<class int>": 2}

    def test_describes_what_contains_itself(self):
        endless: list[object] = [1]
        endless.append(endless)
        assert as_parameter(endless) == [1, "<list object>"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, False), ([1, (2, "a")], False), (numpy.float32(1), False), ({"a": [build]}, True), (Small(), True)],
)
def test_is_opaque_if_anything_inside_had_to_be_described(value, expected):
    assert expected is is_opaque(value)


class TestAsNumber:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (3, 3),
            (2.5, 2.5),
            (True, 1),
            (numpy.float32(0.5), 0.5),
            (numpy.int8(7), 7),
            (numpy.bool_(True), 1),
            (numpy.array(4.0), 4.0),
            (TorchLikeScalar(), 0.25),
            (Level.HIGH, 3),
        ],
    )
    def test_is_a_plain_number(self, value, expected):
        number = as_number(value, "loss")
        assert expected == number
        assert type(expected) is type(number)

    def test_keeps_nan(self):
        assert math.isnan(as_number(numpy.float64("nan"), "loss"))

    @pytest.mark.parametrize("value", ["0.5", None, [1], numpy.zeros(1), 1j])
    def test_refuses_what_is_not_one_number(self, value):
        with pytest.raises(NotJson, match=r"^loss: is an? .*not one number") as caught:
            as_number(value, "loss")
        assert caught.value.key == "loss"
