"""What came of testing a version before it may run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlpipeline.domain.fields import flag, number, text, text_or_none
from mlpipeline.domain.names import version_key


@dataclass(frozen=True, kw_only=True)
class TestResult:
    """What history says of one test of a version."""

    model: str
    version: str
    identity: str
    host: str
    #: The name of the model dir that its runs would use, `<model>-<suffix>`.
    model_dir: str
    is_passed: bool
    #: How long it took, in seconds.
    seconds: float
    #: Why it failed, in one line.
    error: str | None = None
    #: What shows where, if anything does.
    traceback: str | None = None

    @property
    def key(self) -> str:
        """`model:version`."""
        return version_key(self.model, self.version)

    def to_event(self) -> dict[str, Any]:
        """Return the line of the history."""
        return {
            "event": "tested",
            "model": self.model,
            "version": self.version,
            "identity": self.identity,
            "host": self.host,
            "model_dir": self.model_dir,
            "passed": self.is_passed,
            "seconds": self.seconds,
            "error": self.error,
            "traceback": self.traceback,
        }


def result_from_event(event: Mapping[str, Any]) -> TestResult:
    """Return the result that a line of a history tells.

    Raises:
        KeyError, TypeError: it lacks something, or has something of another type.
    """
    return TestResult(
        model=text(event, "model"),
        version=text(event, "version"),
        identity=text(event, "identity"),
        host=text(event, "host"),
        model_dir=text(event, "model_dir"),
        is_passed=flag(event, "passed"),
        seconds=number(event, "seconds"),
        error=text_or_none(event, "error"),
        traceback=text_or_none(event, "traceback"),
    )
