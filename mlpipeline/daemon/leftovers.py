"""What a daemon starts and writes that must not outlive it: marked, so that the next one can clear it away."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from mlpipeline.executors.processes import ProcessId
from mlpipeline.executors.sweeping import sweep

#: What marks such processes, and all that they start.
_VARIABLE = "MLP_DAEMON"


def marked(daemon: ProcessId) -> dict[str, str]:
    """Return what is set for a process that must not outlive `daemon`."""
    return {_VARIABLE: str(daemon)}


def temporary_folder(daemon: ProcessId, purpose: str) -> tempfile.TemporaryDirectory[str]:
    """Make a folder for temporary files of `daemon`; `purpose` stands in its name.

    Raises:
        OSError: it could not be made.
    """
    return tempfile.TemporaryDirectory(prefix=f"mlpipeline-{purpose}-{daemon}-", ignore_cleanup_errors=True)


def clear_away(daemon: ProcessId) -> None:
    """End what a dead daemon had started for itself, and remove its temporary folders."""
    sweep(None, str(daemon), _VARIABLE)
    for folder in Path(tempfile.gettempdir()).glob(f"mlpipeline-*-{daemon}-*"):
        shutil.rmtree(folder, ignore_errors=True)
