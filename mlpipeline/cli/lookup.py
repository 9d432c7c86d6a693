"""The verbs that look: they read files only, and so work while a daemon runs and while none does."""

from __future__ import annotations

import click

from mlpipeline.cli.completion import model_or_version, names
from mlpipeline.cli.output import echo_json, echo_screen, stdout_screen
from mlpipeline.cli.project import Place, exit_for
from mlpipeline.cli.reading import look


@click.command()
@click.option("--failed", "is_failed", is_flag=True, help="Those that failed or were lost and were not run since.")
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="MODEL[:VERSION]",
    help="Of this model, or of 'cnn/*'.",
    shell_complete=model_or_version,
)
@click.option("--where", "wheres", multiple=True, metavar="COMPARISON", help="Such as 'lr<0.1'; all must hold.")
@click.option("--since", metavar="WHEN", help="At work since 12h ago, 1d, today, 18:00, 2026-11-20.")
@click.option(
    "--sort", metavar="NAME[:min|max]", help="By a result, best first, or by any other name.", shell_complete=names
)
@click.option(
    "--columns", multiple=True, metavar="NAMES", help="Show lr,accuracy,host; or +lr besides.", shell_complete=names
)
@click.option("-n", "count", type=click.IntRange(min=1), default=20, show_default=True, help="How many.")
@click.option("--json", "as_json", is_flag=True, help="For programs: a list of objects.")
@click.pass_obj
def runs(
    place: Place,
    is_failed: bool,
    models: tuple[str, ...],
    wheres: tuple[str, ...],
    since: str | None,
    sort: str | None,
    columns: tuple[str, ...],
    count: int,
    as_json: bool,
) -> None:
    """List the latest runs, newest first, or those that are asked for.

    A NAME is that of a parameter or a result, such as test.accuracy, or one of run, model, version, host, state,
    outcome, failure, error, attempt, seed, started, ended, seconds (or time). They are compared by = != < <= > >= and ~
    (contains).

    \b
    Examples:
      mlpipeline runs -n 50
      mlpipeline runs --failed --since 1d
      mlpipeline runs --model digits --where 'lr<0.1' --where optimizer=adam
      mlpipeline runs --sort test.accuracy --columns run,version,lr,test.accuracy
    """
    if columns and as_json:
        raise click.UsageError("--columns is for people; --json prints all there is: leave one of them out.")
    from mlpipeline.cli.searching import Asked, asked_for, how_many, wanted_columns, why_none
    from mlpipeline.views.listing import runs_table
    from mlpipeline.views.programs import run_for_programs

    asked = Asked(is_failed, models, wheres, since, sort)
    most = count + 1  # One more tells whether there are more.
    with exit_for(place):
        outputs = place.outputs(place.settings())
        seen = look(outputs, lambda ledger: asked_for(asked, ledger, most) if asked.is_any else ledger.newest(most))
        found = seen.runs[:count]
        if as_json:
            echo_json([run_for_programs(run, outputs) for run in found])
        elif not found and asked.is_any and seen.ledger.newest(1):
            click.echo(why_none(asked, seen.ledger))
        else:
            shown = {"columns": wanted_columns(columns, seen.ledger)} if found and columns else {}
            screen = stdout_screen()
            is_cut = len(seen.runs) > count and screen.width is not None
            more = max(1, how_many(asked, seen.ledger) - count) if is_cut else 0
            echo_screen(runs_table(found, screen, now=seen.now, more=more, **shown))
