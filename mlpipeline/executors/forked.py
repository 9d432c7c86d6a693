"""An attempt that a warm parent was asked to fork, as the daemon watches it."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from signal import SIGTERM

from mlpipeline.executors.executor import Attempt
from mlpipeline.executors.processes import ProcessId
from mlpipeline.executors.warm_parent import WarmParent
from mlpipeline.project.revocation import revoke


@dataclass(kw_only=True)
class Forked:
    """An attempt that a parent was asked for, and how far that is."""

    attempt: Attempt
    #: None once the parent is gone.
    parent: WarmParent | None
    process: ProcessId | None = None
    has_ended: bool = False
    #: As `subprocess` gives it; None when its parent did not say.
    exit_status: int | None = None
    #: Whether `look` said so.
    is_end_told: bool = False
    #: Whether it may have left processes behind.
    is_to_be_swept: bool = True
    is_stop_asked: bool = False
    #: Since when its process has been gone while its parent has not said so, on the monotonic clock.
    gone_at: float | None = None
    #: Why it starts fresh after all, …
    fresh_why: str = ""
    #: … not before when, on the monotonic clock, …
    fresh_at: float = 0.0
    #: … and the handle of the worker that took its place.
    fallback: str | None = None

    @property
    def is_with_parent(self) -> bool:
        """Whether the parent has still to say something of it."""
        return self.parent is not None and not self.has_ended

    def revoke(self) -> bool:
        """Take the attempt away from a worker that has not begun; return False when one has."""
        try:
            return revoke(self.attempt.dir)
        except OSError:
            return False

    def terminate(self) -> None:
        """Ask its process to stop, if it is there."""
        if self.process is not None and self.process.is_alive():
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, SIGTERM)
