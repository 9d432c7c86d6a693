"""The history, and what there is to see at this moment, for the verbs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from mlpipeline.cli.output import echo_message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mlpipeline.domain.queue import Entry
    from mlpipeline.domain.runs import Run
    from mlpipeline.history.ledger import Ledger
    from mlpipeline.project.paths import Outputs
    from mlpipeline.project.settings import Settings
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


def failing_in_a_row(ledger: Ledger, hold_after: int, queued: Sequence[Entry] | None) -> list[list[Run]]:
    """Return the runs, newest first, of each listed script whose versions fail in a row: a launch would hold it."""
    from mlpipeline.domain.queue import model_name
    from mlpipeline.history.streaks import streak_of

    models = sorted(ledger.models_in_trouble())
    if queued is not None:
        listed = {model_name(entry.script) for entry in queued}
        models = [model for model in models if model in listed]
    return [runs for model in models if (runs := streak_of(ledger, model, hold_after))]


def listed_entries(settings: Settings, warn: Callable[[str], None]) -> Sequence[Entry] | None:
    """Return what the queue lists; None where it has a mistake, of which `warn` is told."""
    from mlpipeline.errors import QueueError
    from mlpipeline.project.paths import QUEUE_NAME
    from mlpipeline.project.queue_file import read_queue
    from mlpipeline.project.scripts import listed_scripts

    try:
        queue = read_queue(settings.root / QUEUE_NAME, settings.models_dir)
        return listed_scripts(queue, settings.models_dir).entries
    except QueueError as error:
        warn(str(error))
        return None
