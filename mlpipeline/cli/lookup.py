"""The verbs that look: they read files only, and so work while a daemon runs and while none does."""

from __future__ import annotations

import click

from mlpipeline.cli.output import echo_json, echo_screen, stdout_screen
from mlpipeline.cli.project import Place, exit_for
from mlpipeline.cli.reading import look


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
