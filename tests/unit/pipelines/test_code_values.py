"""Values of constants as texts."""

from __future__ import annotations

import re
from datetime import date
from enum import Enum
from types import SimpleNamespace

import numpy as np
import pytest

from mlpipeline.pipelines.code_reach import Reach
from mlpipeline.pipelines.code_sources import Sources
from mlpipeline.pipelines.code_values import Values


class Colour(Enum):
    RED = 1
    BLUE = 2


def text(value):
    return Values(Reach(Sources())).text(value)


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
    ],
)
def test_equal_values_have_one_text_and_others_have_others(value, other):
    assert text(value) == text(value) != text(other)


def test_sets_have_no_order_and_what_holds_itself_has_an_end():
    assert text({(1, "a"), (2, "b")}) == text({(2, "b"), (1, "a")})
    ring = [1]
    ring.append(ring)
    assert text(ring) == "list [int 0x1, the 0.]"
