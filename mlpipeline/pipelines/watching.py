"""Hearing of the stages of a pipeline."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mlpipeline.pipelines.records import Made
    from mlpipeline.pipelines.wiring import StageCall

_log = logging.getLogger("mlpipeline.pipelines")


class Watcher(Protocol):
    """Hears of the stages of a pipeline, in the thread that runs them, each before the next begins."""

    def plans(self, calls: Sequence[StageCall]) -> None:
        """These are gone through, in this order; of each, either `found`, `ran` or `fails` is heard."""

    def found(self, call: StageCall, made: Made) -> None:
        """What the stage makes is in the cache."""

    def waits(self, call: StageCall, maker: str | None) -> None:
        """Another process makes what the stage makes; `maker` says which: `run 7k2m9q`, where that is known.

        Heard once, where that takes more than a moment; afterwards the stage is found, or begins here.
        """

    def begins(self, call: StageCall) -> None:
        """The stage runs from now on."""

    def ran(self, call: StageCall, seconds: float, size_bytes: int | None) -> None:
        """The stage took that long; the size of what it made is None where that was not stored."""

    def numbers(self, call: StageCall, numbers: Mapping[str, int | float]) -> None:
        """Among what the stage made, now or in the past, are these: artifacts that are numbers, or dicts of them."""

    def fails(self, call: StageCall, error: BaseException) -> None:
        """The stage raised that, which is raised on."""

    def warns(self, message: str) -> None:
        """Something is not as it should be, though the stage goes on."""


class Silent:
    """Says nothing but warnings, and why nothing goes on."""

    def plans(self, calls: Sequence[StageCall]) -> None:
        """Nothing."""

    def found(self, call: StageCall, made: Made) -> None:  # noqa: ARG002
        """Only for who debugs."""
        _log.debug("stage %s cached", call.name)

    def waits(self, call: StageCall, maker: str | None) -> None:
        """Warn: a script that stands still without a word looks as if it hung."""
        self.warns(f"stage {call.name} is being made by {maker or 'another process'}: waiting")

    def begins(self, call: StageCall) -> None:
        """Nothing."""

    def ran(self, call: StageCall, seconds: float, size_bytes: int | None) -> None:  # noqa: ARG002
        """Only for who debugs."""
        _log.debug("stage %s ran in %.1f s", call.name, seconds)

    def numbers(self, call: StageCall, numbers: Mapping[str, int | float]) -> None:
        """Nothing: they are returned."""

    def fails(self, call: StageCall, error: BaseException) -> None:
        """Nothing: it is raised."""

    def warns(self, message: str) -> None:
        """Warn."""
        _log.warning("%s", message)


SILENT: Watcher = Silent()
