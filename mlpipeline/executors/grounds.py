"""What a process has from whoever started it, and from where it was started."""

from __future__ import annotations

import os
import resource
from collections.abc import Hashable
from pathlib import Path


def grounds(project: Path) -> Hashable:
    """Return what a worker has from the daemon and its folder, which others can change for them at any time.

    A process that was started on other grounds than the present ones is no worker for the next run.
    """
    try:
        folder = project.stat()
    except OSError:
        return None
    return (
        (project, folder.st_dev, folder.st_ino),
        os.getpriority(os.PRIO_PROCESS, 0),
        frozenset(os.sched_getaffinity(0)),
        tuple(resource.getrlimit(which) for which in _LIMITS),
    )


_LIMITS = sorted({getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")})
