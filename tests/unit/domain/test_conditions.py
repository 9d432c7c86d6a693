from __future__ import annotations

import pytest

from mlpipeline.domain.conditions import Conditions
from mlpipeline.domain.resources import Resources
from mlpipeline.errors import SettingsError


def parsed(**values: object) -> Conditions:
    return Conditions.parse(values, "[versions] ", SettingsError)


def test_what_is_said_nearer_comes_first_key_by_key():
    near = parsed(timeout="1h", retries={"lost": 0}, resources={"gpus": 2})
    far = parsed(timeout=5, silence="30min", retries={"lost": 2, "killed": 1}, resources={"gpus": 1, "cpus": 4})
    assert near.over(far) == Conditions(
        resources=Resources(gpus=2, cpus=4),
        retries={"lost": 0, "killed": 1},
        timeout_s=3600,
        silence_s=1800,
        stop_if_diverged=None,
    )


def test_they_survive_json():
    conditions = parsed(timeout=5, retries={"lost": 2}, resources={"memory": "1GB"}, stop_if_diverged=False)
    assert Conditions.from_json(conditions.to_json()) == conditions
    assert Conditions.from_json({}) == Conditions()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"timeout": "soon"}, '[versions] timeout = "soon" is a text; expected a duration'),
        ({"silence": -1}, "[versions] silence = -1 is a number; expected a duration"),
        ({"stop_if_diverged": "yes"}, '[versions] stop_if_diverged = "yes" is a text; expected true or false'),
        ({"retries": 2}, "[versions] retries = 2 is a number; expected a table, such as"),
        ({"retries": {"lots": 2}}, "[versions] retries.lots is unknown. Known: exception, bad_script"),
        ({"retries": {"lots": 2}}, 'Did you mean "lost"?'),
        ({"retries": {"lost": True}}, "[versions] retries.lost = true is a truth value; expected a whole number"),
        ({"resources": {"gpu": 1}}, "[versions] resources.gpu is unknown. Known: gpus, cpus, memory. Did you mean"),
    ],
)
def test_a_wrong_value_says_where_it_stands_and_what_was_expected(values, told):
    with pytest.raises(SettingsError) as caught:
        parsed(**values)
    assert told in str(caught.value)


def test_the_shorter_timeout_holds():
    assert Conditions(timeout_s=0).within(600).timeout_s == 600
    assert Conditions().within(600).timeout_s == 600
    assert Conditions(timeout_s=3600).within(600).timeout_s == 600
    for conditions, timeout_s in ((Conditions(timeout_s=60), 600), (Conditions(timeout_s=60), 0), (Conditions(), 0)):
        assert conditions.within(timeout_s) is conditions
