"""The verbs that look: they read files only, and so work while a daemon runs and while none does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mlpipeline.cli.output import echo_json, echo_message, echo_screen, stdout_screen
from mlpipeline.cli.project import Place, exit_for
from mlpipeline.cli.reading import look

if TYPE_CHECKING:
    from mlpipeline.domain.requests import Request
    from mlpipeline.domain.runs import Run
    from mlpipeline.history.ledger import Ledger
    from mlpipeline.project.paths import Outputs
    from mlpipeline.project.settings import Settings

#: How many of the latest runs `status` looks through for those that were stopped: it answers at once, whatever ran.
_LOOKED_AT = 200


@click.command()
@click.option("-n", "count", type=click.IntRange(min=1), default=20, show_default=True, help="How many.")
@click.option("--json", "as_json", is_flag=True, help="For programs: a list of objects.")
@click.pass_obj
def runs(place: Place, count: int, as_json: bool) -> None:
    """List the latest runs, newest first.

    \b
    Example:
      mlpipeline runs -n 50
    """
    from mlpipeline.views.listing import runs_table
    from mlpipeline.views.programs import run_for_programs

    with exit_for(place):
        outputs = place.outputs(place.settings())
        latest = look(outputs, lambda ledger: ledger.newest(count)).runs
        if as_json:
            echo_json([run_for_programs(run, outputs) for run in latest])
        else:
            echo_screen(runs_table(latest, stdout_screen()))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs: one object.")
@click.pass_obj
def status(place: Place, as_json: bool) -> None:
    """Show what runs, is next, is held, and failed.

    \b
    Example:
      watch -n 10 mlpipeline status
    """
    from mlpipeline.views.programs import status_for_programs
    from mlpipeline.views.status import FAILED_SHOWN, status_screen

    with exit_for(place):
        settings = place.settings()
        outputs = place.outputs(settings)
        most = None if as_json else FAILED_SHOWN
        _, daemons, observed, ledger = look(outputs, lambda ledger: _that_matter(ledger, most))
        if as_json:
            echo_json(status_for_programs(daemons, observed, outputs, ledger.failed_tests()))
        else:
            more = max(0, ledger.trouble_count() - FAILED_SHOWN)
            screen = status_screen(
                daemons,
                observed,
                outputs,
                _queued(settings),
                stdout_screen(),
                more_failed=more,
                failed_tests=ledger.failed_tests(),
                stopped=_stopped(ledger),
                requests=_unanswered(ledger, outputs),
            )
            echo_screen(screen)


def _that_matter(ledger: Ledger, most_failed: int | None) -> list[Run]:
    return [*ledger.open_runs()[::-1], *ledger.in_trouble(most_failed)]


def _stopped(ledger: Ledger) -> list[str]:
    """Return the versions whose latest run was stopped, newest first, as far as the latest runs tell."""
    from mlpipeline.domain.states import Outcome

    stopped = (run for run in ledger.newest(_LOOKED_AT) if run.outcome is Outcome.STOPPED)
    return [run.key for run in stopped if (last := ledger.latest(run.model_dir)) is not None and last.id == run.id]


def _unanswered(ledger: Ledger, outputs: Outputs) -> list[Request]:
    """Return the requests that no daemon has answered, what they are about called as its user knows it."""
    from dataclasses import replace

    requests = [request for host in outputs.hosts() for request in ledger.open_requests(host)]
    runs = {request.of: ledger.get(request.of) for request in requests}
    return [replace(request, of=run.key) if (run := runs[request.of]) else request for request in requests]


def _queued(settings: Settings) -> list[str]:
    from mlpipeline.errors import QueueError
    from mlpipeline.project.paths import QUEUE_NAME
    from mlpipeline.project.queue_file import read_queue
    from mlpipeline.project.scripts import listed_scripts

    try:
        queue = read_queue(settings.root / QUEUE_NAME, settings.models_dir)
        entries = listed_scripts(queue, settings.models_dir).entries
        return list(dict.fromkeys(entry.script if entry.changes is None else str(entry) for entry in entries))
    except QueueError as error:
        echo_message(str(error))
        return []
