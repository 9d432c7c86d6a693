"""The scripts whose versions fail one after the other, as history tells them."""

from __future__ import annotations

from mlpipeline.domain.runs import Run, before_retry
from mlpipeline.domain.streaks import streak
from mlpipeline.history.ledger import Ledger

#: How many of a script's latest runs are looked at for each that must have failed: some say nothing.
_LOOKED_AT = 8


def streak_of(ledger: Ledger, model: str, hold_after: int) -> list[Run] | None:
    """Return the runs of a model that failed in a row, newest first; None where those are less than `hold_after`.

    Args:
        ledger: of what ran.
        model: whose runs they are.
        hold_after: how many failures in a row hold the rest; 0 is never.
    """
    if not hold_after:
        return None
    found = streak(latest_of(ledger, model, hold_after), ledger.is_released)
    return found if len(found) >= hold_after else None


def latest_of(ledger: Ledger, model: str, hold_after: int) -> list[Run]:
    """Return the runs of a model among which those are that may hold the rest, the one that ended last first."""
    ended = ledger.ended(model, hold_after * _LOOKED_AT)
    # What is to be tried again has failed all the same: a typo must not cost every version its first attempt.
    open_runs = (run for run in ledger.open_runs() if run.model == model)
    failed = [before_retry(run) for run in open_runs if run.past]
    return sorted([*failed, *ended], key=_ended_at, reverse=True)


def _ended_at(run: Run) -> str:
    # Not when they began: a long run that succeeds while others fail says that the script can.
    return run.ended_at or run.selected_at
