"""How a run ended, in its worker's own words: the content of `result.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlpipeline.domain.states import Failure, Outcome

#: The exit status of a worker that has none because there was no room for it (the number of ENOSPC).
NO_ROOM_STATUS = 28


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a worker reports of one attempt."""

    outcome: Outcome
    failure: Failure | None = None
    #: The cause in one line.
    error: str | None = None
    #: Where in the user's own code that was: `models/digits.py:12`.
    place: str | None = None
    #: Whether it failed because a process that its worker had started was ended by SIGKILL.
    child_killed: bool = False
    #: The user's own frames and the exception, as Python prints them.
    traceback: str | None = None
    #: What the version achieved, by name.
    results: Mapping[str, Any] = field(default_factory=dict)
    #: What a `Model` says in words: its evaluations and summaries, by heading.
    texts: Mapping[str, str] = field(default_factory=dict)
    #: How long each part took, in seconds.
    timings: Mapping[str, float] = field(default_factory=dict)
    #: Whether the model dir was made ready for this version.
    prepared: bool = False
    #: Whether the training is complete.
    trained: bool = False
    #: What is worth knowing and is no failure.
    notes: tuple[str, ...] = ()
    #: From the worker's first instruction to this result.
    seconds: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Result:
        """Return the result that `value` holds.

        Raises:
            KeyError, TypeError, ValueError: it holds none.
        """
        known = {name: value[name] for name in cls.__dataclass_fields__ if name in value}
        known["outcome"] = Outcome(known["outcome"])
        known["failure"] = Failure(known["failure"]) if known.get("failure") else None
        known["notes"] = tuple(known.get("notes", ()))
        return cls(**known)
