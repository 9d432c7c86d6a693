import json
import math

import pytest

from mlpipeline.domain.resources import Resources
from mlpipeline.errors import QueueError, SettingsError


def complain(message):
    return SettingsError(f"mlp.toml: {message}")


def parsed(value):
    return Resources.parse(value, "[versions] resources", complain)


def error_of(value):
    with pytest.raises(SettingsError) as caught:
        parsed(value)
    return str(caught.value)


def test_every_key_may_be_said_or_left_out():
    assert parsed({}) == Resources()
    assert parsed({"gpus": 1, "cpus": 4, "memory": "8GB"}) == Resources(gpus=1, cpus=4, memory_bytes=8_000_000_000)
    assert parsed({"gpus": 0, "cpus": 0.5, "memory": 0}) == Resources(gpus=0, cpus=0.5, memory_bytes=0)


def test_the_nearest_wins_key_by_key_and_nought_is_a_word():
    near = Resources(gpus=0, memory_bytes=5_000_000)
    far = Resources(gpus=2, cpus=4, memory_bytes=9_000_000)
    assert near.over(far) == Resources(gpus=0, cpus=4, memory_bytes=5_000_000)
    assert Resources().over(far) == far
    assert far.over(Resources()) == far


def test_they_survive_json_and_a_newer_release():
    resources = Resources(gpus=1, cpus=0.5)
    read = json.loads(json.dumps(resources.to_json()))
    assert Resources.from_json(read) == resources
    assert Resources.from_json({**read, "fpgas": 1}) == resources
    assert Resources.from_json({}) == Resources()


def test_an_unknown_key_is_refused_with_the_nearest_right_word():
    assert error_of({"gpu": 1}) == (
        'mlp.toml: [versions] resources.gpu is unknown. Known: gpus, cpus, memory. Did you mean "gpus"?'
    )
    assert "resources.7 is unknown" in error_of({7: 1})


@pytest.mark.parametrize("value", [3, "1 GPU", [1], None, True])
def test_they_are_a_table(value):
    assert 'expected a table, such as { gpus = 1, cpus = 4, memory = "8GB" }.' in error_of(value)


@pytest.mark.parametrize("value", [-1, 1.0, True, "1", None])
def test_gpus_are_a_whole_number(value):
    assert "resources.gpus = " in error_of({"gpus": value})
    assert "expected a whole number of GPUs, such as 1, or 0 for none." in error_of({"gpus": value})


@pytest.mark.parametrize("value", [-1, -0.5, math.nan, math.inf, True, "4", None])
def test_cpus_are_a_number(value):
    assert "resources.cpus = " in error_of({"cpus": value})
    assert "expected a number of CPUs, such as 4 or 0.5." in error_of({"cpus": value})


def test_memory_is_a_size_and_a_bare_small_number_meant_gigabytes():
    assert 'resources.memory = "8" is a text; expected a size' in error_of({"memory": "8"})
    assert error_of({"memory": 8}) == (
        "mlp.toml: [versions] resources.memory = 8 is less than 1 MB; expected a size, such as "
        '"8GB" or "500MB". Did you mean "8GB"?'
    )


def test_the_caller_says_what_kind_of_error_it_is(tmp_path):
    with pytest.raises(QueueError, match=r"^models\.toml: whitelisted_models\[1\]\.resources\.gpus = -1 is"):
        Resources.parse(
            {"gpus": -1}, "whitelisted_models[1].resources", lambda text: QueueError(tmp_path / "models.toml", text)
        )
