"""Hearing of the steps of a pipeline."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mlpipeline.pipelines.records import Made
    from mlpipeline.pipelines.wiring import Step

_log = logging.getLogger("mlpipeline.pipelines")


class Watcher(Protocol):
    """Hears of the steps of a pipeline, in the thread that runs them, each before the next begins."""

    def plans(self, steps: Sequence[Step]) -> None:
        """These are gone through, in this order; of each, either `found`, `ran` or `fails` is heard."""

    def found(self, step: Step, made: Made) -> None:
        """What the step makes is in the cache."""

    def waits(self, step: Step, maker: str | None) -> None:
        """Another process makes what the step makes; `maker` says which: `run 7k2m9q`, where that is known.

        Heard once; afterwards the step is found, or begins here.
        """

    def begins(self, step: Step) -> None:
        """The step runs from now on."""

    def ran(self, step: Step, seconds: float, size_bytes: int | None) -> None:
        """The step took that long; the size of what it made is None where that was not stored."""

    def numbers(self, step: Step, numbers: Mapping[str, int | float]) -> None:
        """Among what the step made, now or in the past, are these: artifacts that are numbers, or dicts of them."""

    def fails(self, step: Step, error: BaseException) -> None:
        """The step raised that, which is raised on."""

    def warns(self, message: str) -> None:
        """Something is not as it should be, though the step goes on."""


class Silent:
    """Says nothing but warnings."""

    def plans(self, steps: Sequence[Step]) -> None:
        """Nothing."""

    def found(self, step: Step, made: Made) -> None:  # noqa: ARG002
        """Only for who debugs."""
        _log.debug("stage %s cached", step.name)

    def waits(self, step: Step, maker: str | None) -> None:
        """Only for who debugs."""
        _log.debug("stage %s: being made by %s", step.name, maker or "another process")

    def begins(self, step: Step) -> None:
        """Nothing."""

    def ran(self, step: Step, seconds: float, size_bytes: int | None) -> None:  # noqa: ARG002
        """Only for who debugs."""
        _log.debug("stage %s ran in %.1f s", step.name, seconds)

    def numbers(self, step: Step, numbers: Mapping[str, int | float]) -> None:
        """Nothing: they are returned."""

    def fails(self, step: Step, error: BaseException) -> None:
        """Nothing: it is raised."""

    def warns(self, message: str) -> None:
        """Warn."""
        _log.warning("%s", message)


SILENT: Watcher = Silent()
