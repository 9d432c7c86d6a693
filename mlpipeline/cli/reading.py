"""The history, and what there is to see at this moment, for the verbs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from mlpipeline.cli.output import echo_message

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlpipeline.domain.runs import Run
    from mlpipeline.history.ledger import Ledger
    from mlpipeline.project.paths import Outputs
    from mlpipeline.views.observed import ObservedDaemon, ObservedRun


class Seen(NamedTuple):
    """What was seen of a project at one moment."""

    #: In seconds since the epoch.
    now: float
    daemons: list[ObservedDaemon]
    runs: list[ObservedRun]
    ledger: Ledger


def read_ledger(outputs: Outputs, *, warn: Callable[[str], None] = echo_message) -> Ledger:
    """Return the history; `warn` is told what of it cannot be read."""
    from mlpipeline.history.ledger import Ledger

    return Ledger.read(outputs, os.environ, warn=warn)


def look(
    outputs: Outputs, choose: Callable[[Ledger], list[Run]], *, warn: Callable[[str], None] = echo_message
) -> Seen:
    """Return the daemons, and those runs of the history that `choose` picks, as they are now."""
    import time

    from mlpipeline.views.observed import observe_daemons, observe_runs

    now = time.time()
    # Daemons first: one that ends meanwhile has then recorded its runs.
    daemons = observe_daemons(outputs, now)
    ledger = read_ledger(outputs, warn=warn)
    return Seen(now, daemons, observe_runs(choose(ledger), outputs, daemons, now), ledger)
