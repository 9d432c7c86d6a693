"""What `mlpipeline status` is about: a project at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlpipeline.domain.queue import Entry
    from mlpipeline.domain.requests import Request
    from mlpipeline.domain.runs import Run
    from mlpipeline.domain.states import Outcome
    from mlpipeline.domain.test_results import TestResult
    from mlpipeline.project.paths import Outputs
    from mlpipeline.views.observed import ObservedDaemon, ObservedRun
    from mlpipeline.views.outlook import QueueOutlook


@dataclass(frozen=True, kw_only=True)
class Overview:
    """A project at one moment."""

    #: In seconds since the epoch.
    now: float
    #: Of this host.
    outputs: Outputs
    #: Those that left a heartbeat.
    daemons: Sequence[ObservedDaemon] = ()
    #: Those that are still to end, and those that failed or were lost and were the last of their version.
    runs: Sequence[ObservedRun] = ()
    #: How many more of those failed or were lost.
    more_failed: int = 0
    #: Of versions that were neither tested nor run since.
    failed_tests: Sequence[TestResult] = ()
    #: The versions whose latest run was stopped, so that a launch resumes it.
    stopped: Sequence[str] = ()
    #: Those that no daemon has answered yet; what they are about is called as its user knows it.
    requests: Sequence[Request] = ()
    #: How many runs ended since midnight, by how they did.
    done_today: Mapping[Outcome, int] = field(default_factory=dict)
    #: None where no daemon is there that would get it done.
    outlook: QueueOutlook | None = None
    #: What the queue lists, what is next while no daemon runs here; None where it has a mistake.
    queued: Sequence[Entry] | None = ()
    #: The runs, newest first, of each of its scripts whose versions fail in a row, while no daemon runs here.
    streaks: Sequence[Sequence[Run]] = ()

    @property
    def own_daemon(self) -> ObservedDaemon | None:
        """This host's daemon, if it is alive."""
        return next((daemon for daemon in self.daemons if daemon.host == self.outputs.host and daemon.is_alive), None)
