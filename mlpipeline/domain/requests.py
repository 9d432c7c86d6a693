"""What people ask of daemons: an event in the asker's history, and its answer one in that of the run's host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mlpipeline.domain.fields import text


class Ask(StrEnum):
    """What may be asked."""

    #: To end now, so that it can go on later.
    STOP = "stop"
    #: To stand still, keeping its memory and its place.
    PAUSE = "pause"
    #: To go on after a pause.
    RESUME = "resume"
    #: To be tried again, though it is over.
    RETRY = "retry"
    #: To hold back no more what failed runs of a script keep from starting.
    RELEASE = "release"


#: The answer to a `RELEASE` that let something go; any other says that there was nothing.
RELEASED = "is released"
#: How the answer to a `STOP` begins that has the run end soon.
TOLD_TO_STOP = "was told to stop"


@dataclass(frozen=True, kw_only=True)
class Request:
    """Something asked of one run, or of what is held."""

    id: str
    ask: Ask
    #: The id of the run; of what is held, the model, or `model:version`.
    of: str
    #: The host whose daemon answers: the run's.
    host: str
    #: How it was asked, as the log says it: `mlpipeline stop --all`.
    by: str

    def to_event(self) -> dict[str, Any]:
        """Return the line of the asker's history. Of a run's own events it is none: those are its host's alone."""
        return {
            "event": "request",
            "request": self.id,
            "ask": self.ask,
            "of": self.of,
            "to": self.host,
            "by": self.by,
        }

    def to_answer(self, said: str) -> dict[str, Any]:
        """Return the line of the history of the run's host that says what comes of it."""
        return {"event": "answer", "request": self.id, "said": said}


def request_from_event(event: Mapping[str, Any]) -> Request:
    """Return the request that a line of a history is.

    Raises:
        KeyError, TypeError, ValueError: it lacks something, has something of another type, or asks what this release
            does not know.
    """
    return Request(
        id=text(event, "request"),
        ask=Ask(event["ask"]),
        of=text(event, "of"),
        host=text(event, "to"),
        by=text(event, "by"),
    )
