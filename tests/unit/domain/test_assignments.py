"""`--set NAME=VALUE`, as people type it."""

from __future__ import annotations

import pytest

from mlpipeline.domain.assignments import assigned
from mlpipeline.errors import MlpipelineError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("0.1", 0.1),
        ("1e-3", 1e-3),
        (".5", 0.5),
        ("1.", 1.0),
        ("-.5e1", -5.0),
        ("-2", -2),
        ("inf", float("inf")),
        ("infinity", "infinity"),
        ("NaN", "NaN"),
        ("0010", "0010"),
        ("010.", "010."),
        ("٣", "٣"),
        ("1_0.5", 10.5),
        ("1__0.5", "1__0.5"),
        ("1_000", 1000),
        ("true", True),
        ("False", False),
        ("adam", "adam"),
        ('"3"', "3"),
        ("", ""),
        ("a=b", "a=b"),
        ("[1, 2]", [1, 2]),
        ("{ a = 1 }", {"a": 1}),
        ("2026-11-21", "2026-11-21"),
        ("1 # one", "1 # one"),
        ("1\nb = 2", "1\nb = 2"),
    ],
)
def test_a_value_is_what_it_looks_like(text, value):
    found = assigned([f"x={text}"])["x"]
    assert (found, type(found)) == (value, type(value))


def test_names_with_dots_are_values_in_tables():
    assert assigned(["optimizer.lr=0.1", "n=1", "optimizer.name=adam"]) == {
        "optimizer": {"lr": 0.1, "name": "adam"},
        "n": 1,
    }


@pytest.mark.parametrize("texts", [["lr"], ["=1"], ["a..b=1"], ["a=1", "a=2"], ["a=1", "a.b=2"], ["a.b=1", "a=2"]])
def test_what_sets_nothing_or_twice_is_an_error_that_quotes_it(texts):
    with pytest.raises(MlpipelineError) as caught:
        assigned(texts)
    assert f'--set "{texts[-1]}"' in str(caught.value)
