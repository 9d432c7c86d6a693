import pytest

from mlpipeline.domain.conditions import UNLIMITED, Conditions
from mlpipeline.domain.patience import Patience


@pytest.mark.parametrize(
    ("timeout_s", "test_timeout_s", "limit_s", "said_by"),
    [
        (0, 600, 600, "test_timeout"),
        (3600, 600, 600, "test_timeout"),
        (60, 600, 60, "timeout of its runs"),
        (60, 0, 60, "timeout of its runs"),
    ],
)
def test_the_shorter_limit_holds(timeout_s, test_timeout_s, limit_s, said_by):
    patience = Patience.of(Conditions(timeout_s=timeout_s), test_timeout_s)
    assert patience.exhausted(limit_s, limit_s) is None
    told = patience.exhausted(limit_s + 1, 0)
    assert told is not None
    assert told.startswith(f"it was not over after {limit_s} s")
    assert said_by in told


def test_without_a_limit_a_test_may_take_any_time():
    assert Patience.of(UNLIMITED, 0).exhausted(1e9, 1e9) is None


def test_silence_counts_from_the_last_sign_of_life():
    patience = Patience.of(Conditions(silence_s=60), 600)
    assert patience.exhausted(500, 60) is None
    assert patience.exhausted(500, 61) == "it wrote nothing for 60 s (the silence of its runs)"
