"""What a process that was there before an attempt is told of it, to become its worker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlpipeline.executors.executor import Attempt


def handover_of(attempt: Attempt, **more: Any) -> Mapping[str, Any]:
    """Return what `worker.becoming` reads, and `more`.

    Of the environment only what the daemon does not have itself: with the rest the process was started.
    """
    return {
        **more,
        "run_dir": str(attempt.run_dir.path),
        "number": attempt.number,
        "environment": dict(attempt.environment),
        "cwd": str(attempt.project),
        "output": str(attempt.dir.output),
    }
