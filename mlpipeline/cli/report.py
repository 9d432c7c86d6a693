"""The verb that tells what a night brought."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mlpipeline.cli.output import echo_json, echo_message, echo_screen, stdout_screen
from mlpipeline.cli.project import Place, exit_for
from mlpipeline.cli.reading import failing_in_a_row, listed_entries, read_ledger

if TYPE_CHECKING:
    from mlpipeline.domain.measures import Measure
    from mlpipeline.views.reported import Reported

#: About how much is read of metrics, for a screen, and for a page.
_BYTES_FOR_BARS, _BYTES_FOR_CHARTS = 4_000_000, 20_000_000


@click.command()
@click.option("--since", default="12h", show_default=True, metavar="WHEN", help="12h, 1d, today, 18:00, 2026-11-20.")
@click.option("--html", "page", type=click.Path(), metavar="FILE", help="Write one HTML page; - is stdout.")
@click.option("--best", metavar="NAME[:min|max]", help="The result to rank versions by, and which way is better.")
@click.option("--json", "as_json", is_flag=True, help="For programs: one object.")
@click.pass_obj
def report(place: Place, since: str, page: str | None, best: str | None, as_json: bool) -> None:
    """Tell what ran, what failed and why, and which versions were best.

    \b
    Examples:
      mlpipeline report                                  the last 12 hours
      mlpipeline report --since yesterday --html night.html
      mlpipeline report --since 1d --best test.energy:min
    """
    if page is not None and as_json:
        raise click.UsageError("--html and --json are two forms of the report: give one of them.")
    with exit_for(place):
        told = _told(place, since, best, 0 if as_json else _BYTES_FOR_BARS if page is None else _BYTES_FOR_CHARTS)
        if as_json:
            from mlpipeline.views.report_programs import report_for_programs

            echo_json(report_for_programs(told))
        elif page is not None:
            _write(told, page)
        else:
            from mlpipeline.views.report import report_screen

            echo_screen(report_screen(told, stdout_screen()))


def _told(place: Place, since: str, best: str | None, metrics_bytes: int) -> Reported:
    import time
    from datetime import datetime

    from mlpipeline.domain import since as moments
    from mlpipeline.project.clock import LocalZone
    from mlpipeline.views.observed import observe_daemons
    from mlpipeline.views.queued import queued_names
    from mlpipeline.views.reported import reported

    settings = place.settings()
    outputs = place.outputs(settings)
    now = time.time()
    zone = LocalZone()
    begin = moments.since(since, datetime.fromtimestamp(now, zone), zone)
    wanted = None if best is None else _measure(best)
    # Daemons first: one that ends meanwhile has then recorded its runs.
    daemons = observe_daemons(outputs, now)
    ledger = read_ledger(outputs)
    entries = listed_entries(settings, echo_message)
    own = any(daemon.host == outputs.host and daemon.is_alive for daemon in daemons)
    has_daemon = any(daemon.is_there for daemon in daemons)
    told = reported(
        ledger,
        outputs,
        daemons,
        since=begin,
        now=now,
        wanted=wanted,
        metrics_bytes=metrics_bytes,
        queued=() if has_daemon else None if entries is None else queued_names(entries),
        streaks=() if own else failing_in_a_row(ledger, settings.hold_after, entries),
    )
    if wanted is not None:
        _require_measured(told, wanted)
    return told


def _measure(text: str) -> Measure:
    from mlpipeline.domain.complaints import shown
    from mlpipeline.domain.measures import Measure
    from mlpipeline.errors import MlpipelineError

    measure = Measure.parse(text)
    if measure.is_lower_better is None:
        raise MlpipelineError(
            f"--best {shown(text)}: its name does not say which way is better; say {measure.name}:min or "
            f"{measure.name}:max."
        )
    return measure


def _require_measured(told: Reported, wanted: Measure) -> None:
    """Raise where runs have results, but none of them has the one to rank by."""
    from mlpipeline.domain.facts import numbers
    from mlpipeline.domain.words import did_you_mean
    from mlpipeline.errors import MlpipelineError

    runs = [run for best in told.best for run in best.ranking.runs]
    known = dict.fromkeys(name for run in runs for name in numbers(run.results))
    if known and wanted.name not in known:
        raise MlpipelineError(
            f'--best: no run of the period has a number called "{wanted.name}" among its results. There are: '
            f"{', '.join(known)}.{did_you_mean(wanted.name, known)}"
        )


def _write(told: Reported, page: str) -> None:
    from pathlib import Path

    from mlpipeline.errors import CannotWrite
    from mlpipeline.project.files import write_whole
    from mlpipeline.views.report_page import report_page

    html = report_page(told).encode("utf-8", "xmlcharrefreplace")
    if page == "-":
        click.echo(html, nl=False)
        return
    try:
        write_whole(Path(page).absolute(), html)
    except OSError as error:
        raise CannotWrite(f"{page} cannot be written: {error.strerror}.") from error
    click.echo(page)
