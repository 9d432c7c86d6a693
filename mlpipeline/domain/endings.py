"""How a run ended, from the evidence: its result, its exit status, and whether somebody had asked for its end."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from mlpipeline.domain.result import NO_ROOM_STATUS, Result
from mlpipeline.domain.states import Failure, Outcome


@dataclass(frozen=True, kw_only=True)
class Ending:
    """What history will say."""

    outcome: Outcome
    failure: Failure | None = None
    error: str | None = None
    #: Where in its own code it failed.
    place: str | None = None
    #: What is odd about it, for the log.
    note: str | None = None


def ending(
    result: Result | None,
    exit_status: int | None,
    *,
    is_stop_asked: bool,
    timeout: str | None = None,
    out_of_memory: str | None = None,
) -> Ending:
    """Return how a run ended whose process is gone.

    Args:
        result: what its worker wrote, if anything. It is the truth; the exit status is a hint.
        exit_status: as `subprocess` gives it, negative for a signal; None when nobody saw it.
        is_stop_asked: whether the queue was asked to stop the run.
        timeout: which limit it passed, so that the queue told it to stop.
        out_of_memory: how memory ran out, if the kernel killed the worker for that, or a process that it had started.
    """
    told_to_end = _told_to_end(result, is_stop_asked, timeout)
    if told_to_end is not None:
        return told_to_end
    if result is None:
        if out_of_memory is not None and not is_stop_asked:
            told = f"the kernel killed it: {out_of_memory}"
            return Ending(outcome=Outcome.FAILED, failure=Failure.OUT_OF_MEMORY, error=told)
        return _without_result(exit_status, is_stop_asked)
    if out_of_memory is not None and result.outcome is Outcome.FAILED and result.child_killed:
        told = f"{result.error}; the kernel killed that process: {out_of_memory}"
        return Ending(outcome=Outcome.FAILED, failure=Failure.OUT_OF_MEMORY, error=told, place=result.place)
    if result.outcome is Outcome.STOPPED and not is_stop_asked:
        told = "was told to stop (SIGTERM) by somebody else than the queue"
        return Ending(outcome=Outcome.FAILED, failure=Failure.KILLED, error=told)
    is_odd = result.outcome is Outcome.SUCCEEDED and exit_status not in (0, None)
    return Ending(
        outcome=result.outcome,
        failure=result.failure,
        error=result.error,
        place=result.place,
        note=f"after its result, its process {how_it_ended(exit_status)}" if is_odd else None,
    )


def _told_to_end(result: Result | None, is_stop_asked: bool, timeout: str | None) -> Ending | None:
    """Return how a run ended that the queue told to; None where that is not why, or another rule says it."""
    # A script with a handler of its own for the signal leaves by `sys.exit`.
    has_left = result is not None and result.failure is Failure.EXIT
    # Before what else told it to: a run that was asked to stop is not looked at for limits any more.
    if timeout is not None and (result is None or has_left or result.outcome is Outcome.STOPPED):
        return Ending(outcome=Outcome.FAILED, failure=Failure.TIMEOUT, error=timeout)
    if is_stop_asked and result is not None and has_left:
        return Ending(outcome=Outcome.STOPPED, error=result.error)
    return None


def _without_result(exit_status: int | None, is_stop_asked: bool) -> Ending:
    if is_stop_asked:
        told = _STOPPED_BY.get(exit_status or 0, "was asked to end, and left no result")
        return Ending(outcome=Outcome.STOPPED, error=told)
    if exit_status is None:
        return Ending(outcome=Outcome.LOST, error="its process is gone, and nobody saw how it ended")
    told = f"{how_it_ended(exit_status)} before it wrote its result"
    if exit_status == NO_ROOM_STATUS:
        return Ending(outcome=Outcome.FAILED, failure=Failure.DISK_FULL, error="no room on the disk for its result")
    failure = Failure.KILLED if exit_status < 0 else Failure.EXIT
    return Ending(outcome=Outcome.FAILED, failure=failure, error=told)


#: What is said of a run that was asked to end, and did without a result.
_STOPPED_BY = {
    -signal.SIGKILL: "was killed before it had stopped by itself",
    -signal.SIGTERM: "was asked to end before it could say how far it was",
}


def how_it_ended(exit_status: int | None) -> str:
    """Return what an exit status says, as the rest of a sentence: `was killed by SIGSEGV`."""
    if exit_status is not None and exit_status < 0:
        return f"was killed by {signal_name(-exit_status)}"
    return f"ended with exit status {exit_status}"


def signal_name(number: int) -> str:
    """Return the name of a signal: `SIGSEGV`."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
