"""What a worker imports for itself only when it needs it, which may be while the user's folders lead `sys.path`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

_LATE = (
    "difflib",
    "logging",
    "mlpipeline.authoring.command_model",
    "mlpipeline.authoring.function_model",
    "mlpipeline.authoring.plain_run",
    "mlpipeline.helper",
    "mlpipeline.history.host_log",
    "mlpipeline.project.clock",
    "mlpipeline.project.progress",
    "mlpipeline.trackers.tensorboard",
    "mlpipeline.utils",
    "mlpipeline.worker.command_call",
    "mlpipeline.worker.function_call",
    "mlpipeline.worker.model_calls",
    "mlpipeline.worker.pipeline_call",
    "mlpipeline.worker.learning",
    "mlpipeline.worker.parameters",
    "statistics",
)


def import_before(folders: Iterable[Path]) -> None:
    """Import all of it now if anything in `folders` is called like a module that it might need.

    A file `string.py` among the scripts would else be found in place of Python's own `string`, and fail every run.
    Where there is no such file nothing is imported before it is needed: that takes time.
    """
    if any(name.partition(".")[0] in sys.stdlib_module_names for folder in folders for name in _content(folder)):
        for name in _LATE:
            import_module(name)


def _content(folder: Path) -> Iterable[str]:
    try:
        return os.listdir(folder)  # every worker looks: names alone, however many files there are
    except OSError:
        return ()
