from __future__ import annotations

import pytest

from mlpipeline.domain.attempts import AttemptEnd
from mlpipeline.domain.retries import LONGEST_DELAY_S, retry_delay_s
from mlpipeline.domain.states import Failure, Outcome


def past(*words: str) -> list[AttemptEnd]:
    return [
        AttemptEnd(attempt=1, outcome=Outcome.LOST)
        if word == "lost"
        else AttemptEnd(attempt=1, outcome=Outcome.FAILED, failure=Failure(word))
        for word in words
    ]


@pytest.mark.parametrize(
    ("failure", "attempts", "delay_s"),
    [
        (Failure.KILLED, [], 30),
        (Failure.KILLED, ["killed"], 60),
        (Failure.KILLED, ["exit", "killed", "lost"], 240),
        (Failure.KILLED, ["killed", "killed"], None),
        (Failure.EXCEPTION, [], None),
        (None, ["killed"], 60),
        (None, ["lost"], None),
    ],
)
def test_each_failure_has_its_own_count_and_every_attempt_doubles_the_delay(failure, attempts, delay_s):
    outcome = Outcome.FAILED if failure else Outcome.LOST
    assert retry_delay_s(outcome, failure, past(*attempts), {"killed": 2, "lost": 1}, 30) == delay_s


def test_the_delay_does_not_grow_for_ever():
    assert retry_delay_s(Outcome.LOST, None, past(*["lost"] * 500), {"lost": 501}, 30) == LONGEST_DELAY_S


def test_what_was_stopped_or_succeeded_is_not_tried_again():
    for outcome in (Outcome.STOPPED, Outcome.SUCCEEDED):
        assert retry_delay_s(outcome, None, [], {"lost": 1}, 0) is None
