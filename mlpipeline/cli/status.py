"""`mlpipeline status`: reads files only, and so works while a daemon runs and while none does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mlpipeline.cli.output import echo_json, echo_message, echo_screen, stdout_screen
from mlpipeline.cli.project import Place, exit_for
from mlpipeline.cli.reading import failing_in_a_row, listed_entries, look

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mlpipeline.domain.requests import Request
    from mlpipeline.domain.runs import Run
    from mlpipeline.history.ledger import Ledger
    from mlpipeline.project.paths import Outputs
    from mlpipeline.project.settings import Settings
    from mlpipeline.views.observed import ObservedDaemon, ObservedRun
    from mlpipeline.views.outlook import QueueOutlook
    from mlpipeline.views.overview import Overview

_USUAL_WIDTH = 80


@click.command()
@click.option("--watch", is_flag=True, help="Stay, and show it anew every 2 s; q ends it.")
@click.option("--json", "as_json", is_flag=True, help="For programs: one object.")
@click.pass_obj
def status(place: Place, watch: bool, as_json: bool) -> None:
    """Show what failed, runs, is held, is next, and when all is done.

    \b
    Examples:
      mlpipeline status
      mlpipeline status --watch
    """
    if watch and as_json:
        raise click.UsageError("--watch does not go with --json: call `mlpipeline status --json` again and again.")
    with exit_for(place):
        settings = place.settings()
        outputs = place.outputs(settings)
        if watch:
            _watch(settings, outputs)
        elif as_json:
            from mlpipeline.views.programs import status_for_programs

            echo_json(status_for_programs(_overview(settings, outputs, warn=echo_message, is_whole=True)))
        else:
            from mlpipeline.views.status import status_screen

            echo_screen(status_screen(_overview(settings, outputs, warn=echo_message), stdout_screen()))


def _watch(settings: Settings, outputs: Outputs) -> None:
    from mlpipeline.cli.redrawing import keep_showing, require_terminal
    from mlpipeline.views.status import status_screen
    from mlpipeline.views.tables import fold
    from mlpipeline.views.words import one_line

    require_terminal()

    def lines(height: int) -> list[str]:
        warnings: list[str] = []
        overview, screen = _overview(settings, outputs, warn=warnings.append), stdout_screen()
        above = [line for warning in warnings for line in fold(one_line(warning), screen.width or _USUAL_WIDTH)]
        shown = [*above, *status_screen(overview, screen).splitlines()]
        if len(shown) > height:
            shown = [*above, *status_screen(overview, screen, is_brief=True).splitlines()]
        return shown

    keep_showing(lines)


def _overview(settings: Settings, outputs: Outputs, *, warn: Callable[[str], None], is_whole: bool = False) -> Overview:
    """Return how the project stands; of very many that failed only the latest, unless all are wanted."""
    from mlpipeline.history.ended import ended_since
    from mlpipeline.views.overview import Overview
    from mlpipeline.views.status import FAILED_SHOWN
    from mlpipeline.views.words import midnight_before

    most = None if is_whole else FAILED_SHOWN
    now, daemons, runs, ledger = look(outputs, lambda ledger: _that_matter(ledger, most), warn=warn)
    try:
        own = any(daemon.host == outputs.host and daemon.is_alive for daemon in daemons)
        queued = () if own else listed_entries(settings, warn)
        return Overview(
            now=now,
            outputs=outputs,
            daemons=daemons,
            runs=runs,
            more_failed=0 if is_whole else max(0, ledger.trouble_count() - FAILED_SHOWN),
            failed_tests=ledger.failed_tests(),
            stopped=_stopped(ledger, runs),
            requests=_unanswered(ledger, outputs),
            done_today=ended_since(ledger, midnight_before(now)),
            outlook=_outlook(daemons, runs, ledger),
            queued=queued,
            streaks=() if own else failing_in_a_row(ledger, settings.hold_after, queued),
        )
    finally:
        ledger.close()


def _outlook(daemons: Sequence[ObservedDaemon], runs: Sequence[ObservedRun], ledger: Ledger) -> QueueOutlook | None:
    if not any(daemon.is_there for daemon in daemons):
        return None  # Nobody gets it done.
    from mlpipeline.history.durations import past_durations
    from mlpipeline.views.outlook import models_ahead, queue_outlook

    return queue_outlook(daemons, runs, past_durations(ledger, models_ahead(daemons, runs)))


def _that_matter(ledger: Ledger, most_failed: int | None) -> list[Run]:
    return [*ledger.open_runs()[::-1], *ledger.in_trouble(most_failed)]


def _stopped(ledger: Ledger, runs: Sequence[ObservedRun]) -> list[str]:
    """Return the versions whose latest run was stopped; first those for which no daemon was there to record it."""
    from mlpipeline.domain.states import Outcome

    seen = [observed.run.key for observed in runs if observed.run.outcome is Outcome.STOPPED]
    return list(dict.fromkeys([*seen, *ledger.stopped()]))


def _unanswered(ledger: Ledger, outputs: Outputs) -> list[Request]:
    """Return the requests that no daemon has answered, what they are about called as its user knows it."""
    from dataclasses import replace

    requests = [request for host in outputs.hosts() for request in ledger.open_requests(host)]
    runs = {request.of: ledger.get(request.of) for request in requests}
    # What began later in the model dir of a run has made moot what was asked of it.
    moot = {run.id for run in runs.values() if run and (last := ledger.latest(run.model_dir)) and last.id != run.id}
    return [
        replace(request, of=run.key) if (run := runs[request.of]) else request
        for request in requests
        if request.of not in moot
    ]
