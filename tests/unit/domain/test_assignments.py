"""`--set NAME=VALUE`, as people type it."""

from __future__ import annotations

import pytest

from mlpipeline.domain.assignments import assigned, require_kinds
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


PARAMETERS = {"lr": 0.1, "steps": 15, "warm": True, "layers": [3, 4], "name": "adam", "after": None, "opt": {"lr": 1}}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("lr=0.4,steps=3", 'lr is 0.1, a number, and "0.4,steps=3" is a text. Give --set again for each: --set lr='),
        ("steps=ten", 'steps is 15, a number, and "ten" is a text.'),
        ("warm=yes", "warm is true, a truth value, and"),
        ("layers=1,2", "layers is [3, 4], a list, and"),
        ("opt.lr=fast", "opt.lr is 1, a number, and"),
        ("opt=fast", "a table, and"),
        ("name=sgd,lr=0.2", 'name is one parameter, and "sgd,lr=0.2" is a text. Give --set again for each: --set '),
    ],
)  # fmt: skip
def test_a_text_in_place_of_anything_else_is_an_error_that_says_what_to_type(text, told):
    with pytest.raises(MlpipelineError) as caught:
        require_kinds(assigned([text]), PARAMETERS)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "text", ["lr=1", "lr=[1, 2]", "name=sgd", "name=a,b=c", "name=3", "after=t", "opt.lr=0.5", "no=x"]
)
def test_whatever_else_is_given_may_be_meant(text):
    require_kinds(assigned([text]), PARAMETERS)
