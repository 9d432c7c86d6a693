"""A run that is under way, as the daemon watches it."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass, field

from mlpipeline.daemon.limits import Limits
from mlpipeline.domain.conditions import Conditions
from mlpipeline.domain.result import Result
from mlpipeline.executors.executor import Presence, Seen
from mlpipeline.executors.how import is_forked
from mlpipeline.executors.oom_kills import OomWatch
from mlpipeline.project.exit_file import read_exit
from mlpipeline.project.files import read_json
from mlpipeline.project.paths import AttemptDir

#: How long a process may take to leave after it wrote its result, in seconds.
LEAVE_TIME_S = 30.0
#: How long a warm parent may take to write down how its child ended, in seconds.
_PARENT_TIME_S = 1.0


@dataclass(kw_only=True)
class Active:
    """One run under way. What is known of it is on disk; here is only what the daemon is waiting for."""

    run_id: str
    attempt: AttemptDir
    handle: str
    conditions: Conditions = field(default_factory=Conditions)
    #: How long it may take; None where nobody said.
    limits: Limits | None = None
    #: What had been killed for want of memory when it began, or was adopted; None when nothing was left to be watched.
    oom_watch: OomWatch | None = None
    #: When this daemon started it, on the monotonic clock; None for an adopted one.
    began_at: float | None = None
    #: What was last seen of its process; ENDED is said only once, so it is kept.
    seen: Seen | None = None
    #: When it is killed: some time after its result, or after it was asked to stop. On the monotonic clock.
    kill_at: float | None = None
    #: Since when its process has been known to be gone, on the monotonic clock.
    gone_at: float | None = None

    #: Whether this daemon asked it to stop; its history says so too, if that could be written.
    is_stop_asked: bool = False

    def note_seen(self, seen: Seen) -> None:
        """Keep what was seen of its process, and since when that has been gone."""
        self.seen = seen
        if self.is_over:
            self.gone_at = time.monotonic()

    @property
    def is_own(self) -> bool:
        """Whether this daemon started it: the end of a child wakes it, others it has to look for."""
        return self.began_at is not None

    @property
    def is_over(self) -> bool:
        """Whether its process is gone."""
        return self.seen is not None and self.seen.presence is Presence.ENDED

    @property
    def is_settled(self) -> bool:
        """Whether all is known of how it ended: a warm parent writes that down a moment later."""
        if self.is_own or self.attempt.result.exists() or self.attempt.exit.exists():
            return True
        if not is_forked((read_json(self.attempt.worker) or {}).get("how")):
            return True
        return self.gone_at is not None and time.monotonic() - self.gone_at > _PARENT_TIME_S

    @property
    def exit_status(self) -> int | None:
        """How its process ended, as `subprocess` gives it; None when nobody saw it."""
        status = self.seen.exit_status if self.seen else None
        return read_exit(self.attempt.exit) if status is None else status

    def out_of_memory(self, result: Result | None) -> str | None:
        """Return how memory ran out, if the kernel killed its process for that, or one that its process had started."""
        if self.oom_watch is None:
            return None
        if result is not None:
            return self.oom_watch.reason(None) if result.child_killed else None
        if self.is_overdue or self.exit_status not in (-signal.SIGKILL, None):
            return None  # It was us, or it was no SIGKILL.
        return self.oom_watch.reason((read_json(self.attempt.worker) or {}).get("pid"))

    def kill_within(self, seconds: float) -> None:
        """Have it killed after so long, unless that was to happen earlier anyway."""
        at = time.monotonic() + seconds
        self.kill_at = at if self.kill_at is None else min(at, self.kill_at)

    @property
    def is_overdue(self) -> bool:
        """Whether it should have ended by now."""
        return self.kill_at is not None and time.monotonic() >= self.kill_at
