"""What a run asks of a place where metrics also go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Tracker(Protocol):
    """A place where metrics also go. Called by the worker; trouble in it never reaches the training."""

    def metrics(self, values: Mapping[str, int | float], step: int | None, at: float) -> None:
        """Take metrics in without waiting for them to be stored; `at` is in seconds since the epoch."""
        ...

    def close(self) -> None:
        """Store all that was taken in."""
        ...
