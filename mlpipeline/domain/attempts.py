"""How an attempt of a run ended, as history tells it once another one follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlpipeline.domain.states import Failure, Outcome


@dataclass(frozen=True, kw_only=True)
class AttemptEnd:
    """What the `ended` event of a run tells that is not tried again, but for which run that is, and when."""

    attempt: int
    outcome: Outcome
    failure: Failure | None = None
    error: str | None = None
    #: Where it failed, see `Run.place`.
    place: str | None = None
    seconds: float | None = None
    results: Mapping[str, Any] = field(default_factory=dict)
    note: str | None = None
    is_prepared: bool = False
    is_trained: bool = False

    @classmethod
    def of_event(cls, told: Mapping[str, Any]) -> AttemptEnd:
        """Return what a line of a history tells, whose fields are of the types that they must have.

        Raises:
            KeyError, ValueError: it lacks a field, or holds a word that this release does not know.
        """
        return cls(
            attempt=told["attempt"],
            outcome=Outcome(told["outcome"]),
            failure=Failure(told["failure"]) if told["failure"] else None,
            error=told["error"],
            place=told.get("place"),
            seconds=told["seconds"],
            results=told.get("results") or {},
            note=told.get("note"),
            is_prepared=bool(told["prepared"]),
            is_trained=bool(told["trained"]),
        )

    def to_event(self) -> dict[str, Any]:
        """Return the fields of an `ended` event that tells this."""
        return {
            "attempt": self.attempt,
            "outcome": self.outcome,
            "failure": self.failure,
            "error": self.error,
            "place": self.place,
            "results": dict(self.results),
            "seconds": self.seconds,
            "prepared": self.is_prepared,
            "trained": self.is_trained,
            "note": self.note,
        }
