"""Whether a run that failed is worth another attempt, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlpipeline.domain.attempts import AttemptEnd
from mlpipeline.domain.states import Failure, Outcome

#: The longest time between two attempts, in seconds.
LONGEST_DELAY_S = 3600.0


def retry_delay_s(
    outcome: Outcome,
    failure: Failure | None,
    past: Sequence[AttemptEnd],
    retries: Mapping[str, int],
    first_delay_s: float,
) -> float | None:
    """Return after how many seconds the next attempt begins, or None when there is none.

    Args:
        outcome, failure: how this attempt ended.
        past: how the attempts before it ended.
        retries: failure, or `lost` -> how many further attempts that is worth.
        first_delay_s: between the first attempt and the second, in seconds; twice as long after each further one.
    """
    word = _word(outcome, failure)
    if sum(_word(attempt.outcome, attempt.failure) == word for attempt in past) >= retries.get(word, 0):
        return None
    return min(first_delay_s * float(2 ** min(len(past), 20)), LONGEST_DELAY_S)


def _word(outcome: Outcome, failure: Failure | None) -> str:
    return str(failure or outcome)
