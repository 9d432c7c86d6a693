"""`result.json`: what a worker reports of its attempt."""

from __future__ import annotations

from mlpipeline.domain.result import Result
from mlpipeline.project.files import read_json
from mlpipeline.project.paths import AttemptDir


def read_result(attempt: AttemptDir) -> Result | None:
    """Return what the worker reported, or None as long as it has not."""
    value = read_json(attempt.result)
    try:
        return Result.from_json(value) if value is not None else None
    except (KeyError, TypeError, ValueError):
        return None
