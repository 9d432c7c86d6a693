"""What a daemon, or test mode, starts and writes that must not outlive it: so that the next can clear it away."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mlpipeline.executors.processes import ProcessId
from mlpipeline.executors.sweeping import sweep

#: What marks such processes, and all that they start.
_VARIABLE = "MLP_DAEMON"
#: Held, in the temporary folder of a test mode, for as long as that goes on.
_LOCK_NAME = "lock"


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


@contextmanager
def folder_of_test_mode() -> Iterator[Path]:
    """Make a folder for temporary files, which goes with the block; those of test modes that were killed go, too.

    Raises:
        OSError: it could not be made.
    """
    prefix = "mlpipeline-test-mode-"
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        with suppress(OSError), (folder / _LOCK_NAME).open("rb+") as lock:
            # By a lock, as two containers may share the folder, and not know of each other's processes.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as name:
        # Under another name until it is locked: nobody is to take it for one that was left.
        new = Path(name, "new")
        descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            with suppress(OSError):  # Where there are no locks, nothing is cleared away either.
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                new.rename(Path(name, _LOCK_NAME))
            yield Path(name)
        finally:
            os.close(descriptor)
