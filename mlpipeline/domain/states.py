"""The words for where a run is in its life, how it begins, and how and why it ended."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a run is in its life."""

    #: Chosen; its process has not said yet that it is there.
    WAITING = "waiting"
    #: Its process is there: `worker.json` exists.
    RUNNING = "running"
    #: Over, with an outcome. Final is final.
    ENDED = "ended"
    #: Taken back before anything of it ran: as if it had never been chosen.
    WITHDRAWN = "withdrawn"


class Outcome(StrEnum):
    """How a run ended."""

    #: The script did all it had to do.
    SUCCEEDED = "succeeded"
    #: It did not; `Failure` says why.
    FAILED = "failed"
    #: Somebody asked for its end.
    STOPPED = "stopped"
    #: Its process is gone, without a result and without an exit status that anybody saw.
    LOST = "lost"


class Failure(StrEnum):
    """Why a run failed."""

    #: User code raised.
    EXCEPTION = "exception"
    #: The script is not what was described: it does not import, or has other versions.
    BAD_SCRIPT = "bad_script"
    #: The process, or the command, ended with an exit status of its own.
    EXIT = "exit"
    #: Memory ran out, on the machine, in its cgroup or on a GPU.
    OUT_OF_MEMORY = "out_of_memory"
    #: A signal ended it that the queue did not send.
    KILLED = "killed"
    #: It took longer than its version may, or was silent for longer.
    TIMEOUT = "timeout"
    #: There was no room on the disk.
    DISK_FULL = "disk_full"
    #: A metric was NaN or infinite, and its version is to stop then.
    DIVERGED = "diverged"


def outcome_in_words(outcome: Outcome | None, failure: Failure | None) -> str:
    """Return how a run ended, and why if it failed: `succeeded`, `failed (exit)`."""
    return f"{outcome} ({failure})" if failure else f"{outcome}"


class Start(StrEnum):
    """What a run does about what earlier runs left in its model dir."""

    #: Begin from nothing.
    CLEAN = "clean"
    #: Go on where the last one was cut short.
    RESUME = "resume"
    #: Call a finished version once more.
    AGAIN = "again"
