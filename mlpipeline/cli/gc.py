"""The verb that makes room: `gc`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from mlpipeline.cli.completion import names
from mlpipeline.cli.output import echo_json, echo_message, echo_screen, stdout_screen
from mlpipeline.cli.project import Place, exit_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlpipeline.daemon.deleting import Deleted
    from mlpipeline.domain.retention import Rules
    from mlpipeline.errors import OutputsError
    from mlpipeline.project.paths import Outputs


@click.command()
@click.option("--older-than", metavar="AGE", help="What belongs to runs that ended longer ago, such as 30d or 12h.")
@click.option("--keep", type=click.IntRange(min=1), metavar="N", help="All but the latest N runs of each version.")
@click.option("--keep-best", type=click.IntRange(min=1), metavar="K", help="All but the best K versions of each model.")
@click.option(
    "--by", metavar="RESULT[:max|min]", help="The result that says which versions are the best.", shell_complete=names
)
@click.option("--unfinished", is_flag=True, help="Also what failed, stopped or lost versions need to go on.")
@click.option("--dry-run", is_flag=True, help="Only show what would be deleted.")
@click.option("-y", "--yes", is_flag=True, help="Delete without asking.")
@click.option("-v", "--verbose", is_flag=True, help="Name everything.")
@click.option("--json", "as_json", is_flag=True, help="For programs: one object; with --dry-run or --yes.")
@click.pass_obj
def gc(
    place: Place,
    older_than: str | None,
    keep: int | None,
    keep_best: int | None,
    by: str | None,
    unfinished: bool,
    dry_run: bool,
    yes: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Delete what old runs left: run dirs, checkpoints, stored code.

    It shows what would go, and asks. Each of --older-than, --keep and --keep-best keeps something, and only what none
    of them keeps goes; without them, what nothing names any more. A model dir goes when no run of its version is kept
    and the last one succeeded.

    \b
    Examples:
      mlpipeline gc --older-than 30d --dry-run    only look
      mlpipeline gc --keep 1                      old run dirs; checkpoints stay
      mlpipeline gc --keep-best 3 --by accuracy   versions that are not the best
    """
    if dry_run and yes:
        raise click.UsageError("--dry-run deletes nothing, and --yes does not ask before: leave one of them out.")
    is_asked = sys.stdin is not None and sys.stdin.isatty() and sys.stdout is not None and sys.stdout.isatty()
    if not (dry_run or yes) and (as_json or not is_asked):
        raise click.UsageError(
            "there is no terminal to ask on: give --yes to delete without being asked, or --dry-run to only look."
        )
    with exit_for(place):
        rules = _rules(older_than, keep, keep_best, by, unfinished)
        sys.exit(_gc(place, rules, is_dry=dry_run, is_sure=yes, are_all_named=verbose, as_json=as_json))


def _rules(older_than: str | None, keep: int | None, keep_best: int | None, by: str | None, unfinished: bool) -> Rules:
    from mlpipeline.domain.measures import Measure
    from mlpipeline.domain.quantities import LONG_AGO_S, seconds
    from mlpipeline.domain.retention import Best, Rules
    from mlpipeline.errors import MlpipelineError

    older_than_s = None if older_than is None else seconds(older_than, "--older-than", MlpipelineError, most=LONG_AGO_S)
    best = None
    if by is not None and keep_best is not None:
        measure = Measure.parse(by)
        if measure.is_lower_better is None:
            raise MlpipelineError(
                f"--by {by}: the name does not say whether more or less of it is better: give --by {by}:max or {by}:min"
            )
        best = Best(count=keep_best, by=measure)
    elif by is not None:
        raise MlpipelineError("--by says which versions are the best: give --keep-best, too")
    elif keep_best is not None:
        raise MlpipelineError("--keep-best needs to know what the best is: give --by, such as --by accuracy")
    return Rules(older_than_s=older_than_s, keep=keep, best=best, is_unfinished_too=unfinished)


def _gc(place: Place, rules: Rules, *, is_dry: bool, is_sure: bool, are_all_named: bool, as_json: bool) -> int:
    import time

    from mlpipeline.cli.asking import typed
    from mlpipeline.cli.reading import read_ledger
    from mlpipeline.daemon.collecting import survey
    from mlpipeline.daemon.deleting import Deleter
    from mlpipeline.errors import OutputsError
    from mlpipeline.project.storage import file_server_time
    from mlpipeline.views.gc import deleted_text, gc_for_programs, survey_screen

    outputs = place.outputs(place.settings())
    ledger = read_ledger(outputs)
    now = time.time()
    try:
        server_now = file_server_time(outputs.path)
    except OSError as error:
        # Who only looks may do so where nothing can be written, or before anything was.
        if not is_dry and outputs.path.exists():
            raise OutputsError(f"{outputs.path} cannot be written: {error.strerror}. Nothing was deleted.") from error
        server_now = now
    try:
        found = survey(outputs, ledger, rules, now=now, server_now=server_now)
    except OSError as error:
        raise _unread(error, outputs) from error
    if not as_json:
        echo_screen(survey_screen(found, outputs, stdout_screen(), are_all_named=are_all_named))
        if not found.items and not rules.are_any:
            click.echo("without --older-than, --keep or --keep-best, only that goes which nothing names any more")
    deleted: list[Deleted] | None
    if is_dry or not found.items:
        deleted = None if is_dry else []
    elif is_sure or click.confirm("\nDelete?", default=False):
        deletions = Deleter(outputs, ledger, by=typed(), server_now=server_now).delete(found.items)
        try:
            deleted = _shown(deletions, len(found.items)) if not as_json else list(deletions)
        except OSError as error:
            raise _unread(error, outputs) from error
    else:
        click.echo("nothing was deleted")
        return 0
    if as_json:
        echo_json(gc_for_programs(found, deleted))
    elif deleted:
        freed, kept = deleted_text(deleted, outputs)
        click.echo(f"\n{freed}")
        for line in kept:
            echo_message(f"not deleted: {line}")
    return 1 if any(done.error is not None for done in deleted or ()) else 0


def _shown(deletions: Iterator[Deleted], count: int) -> list[Deleted]:
    """Return what came of each, telling on a terminal how far that is: thousands of folders take their time."""
    if not sys.stdout.isatty():
        return list(deletions)
    with click.progressbar(deletions, length=count, label="deleting") as shown:
        return list(shown)


def _unread(error: OSError, outputs: Outputs) -> OutputsError:
    from mlpipeline.errors import OutputsError

    told = f"{error.filename or outputs.path} cannot be read: {error.strerror}"
    return OutputsError(f"{told}. Without it nobody knows what is needed; nothing more is deleted.")
