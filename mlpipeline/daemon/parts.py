"""What a daemon is made of."""

from __future__ import annotations

from dataclasses import dataclass

from mlpipeline.daemon.catalogue import Catalogue
from mlpipeline.daemon.choosing import Chooser
from mlpipeline.daemon.leases import Leases
from mlpipeline.daemon.options import LaunchOptions
from mlpipeline.daemon.presence import Presence
from mlpipeline.daemon.records import Records
from mlpipeline.daemon.reporter import Reporter
from mlpipeline.daemon.starting import Starter
from mlpipeline.daemon.surroundings import Surroundings
from mlpipeline.daemon.test_gate import TestGate
from mlpipeline.daemon.waker import Waker
from mlpipeline.daemon.watching import SourceWatch
from mlpipeline.executors.executor import Executor
from mlpipeline.executors.oom_kills import OomKills
from mlpipeline.project.paths import Outputs
from mlpipeline.project.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What `launch` puts together."""

    settings: Settings
    options: LaunchOptions
    #: Where model dirs and claims are.
    outputs: Outputs
    records: Records
    catalogue: Catalogue
    executor: Executor
    leases: Leases
    chooser: Chooser
    starter: Starter
    oom_kills: OomKills
    presence: Presence
    gate: TestGate
    surroundings: Surroundings
    waker: Waker
    #: With `--watch`.
    watch: SourceWatch | None
    reporter: Reporter
