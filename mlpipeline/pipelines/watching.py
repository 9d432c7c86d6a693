"""Hearing of the steps of a pipeline."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlpipeline.pipelines.execution import Watcher
    from mlpipeline.pipelines.records import Made
    from mlpipeline.pipelines.wiring import Step

_log = logging.getLogger("mlpipeline.pipelines")


class _Silent:
    def found(self, step: Step, made: Made) -> None:  # noqa: ARG002
        _log.debug("%s: cached", step.name)

    def waits(self, step: Step, maker: str | None) -> None:
        _log.debug("%s: waits for %s", step.name, maker)

    def begins(self, step: Step) -> None:
        pass

    def ran(self, step: Step, seconds: float, size_bytes: int | None) -> None:  # noqa: ARG002
        _log.debug("%s: %.1f s", step.name, seconds)

    def warns(self, message: str) -> None:
        _log.warning("%s", message)


#: Says nothing but warnings.
SILENT: Watcher = _Silent()
