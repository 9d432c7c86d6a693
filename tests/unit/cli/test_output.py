import json

import pytest

from mlpipeline.cli.output import echo_json


def _refuse(word: str) -> None:
    pytest.fail(f"{word} is no JSON")


def test_what_is_no_number_to_json_is_printed_as_a_text(capsys):
    infinity = float("inf")
    echo_json([{"results": {"loss": float("nan"), "by": {"class": (1.5, infinity, -infinity)}}, "seed": 7}])
    printed = json.loads(capsys.readouterr().out, parse_constant=_refuse)
    assert printed == [{"results": {"loss": "nan", "by": {"class": [1.5, "inf", "-inf"]}}, "seed": 7}]


def test_half_a_character_is_printed_as_its_escape(capsys):
    echo_json(["é\ud800"])
    assert capsys.readouterr().out == '[\n "é\\ud800"\n]\n'
