"""`mlpipeline`: test mode; `mlpipeline -r`: the queue; and the verbs that look at it."""

from __future__ import annotations

import atexit
import os
import sys

import click

from mlpipeline import __version__
from mlpipeline.cli.output import have_all_written
from mlpipeline.cli.project import Place, exit_for
from mlpipeline.cli.verbs import Verbs

_RUN_ONLY = {"skip_done": "-u", "no_log": "-n", "at_once": "-j", "watch": "--watch", "test_first": "--test-first"}
_LAUNCH_ONLY = {"is_execution": "-r", **_RUN_ONLY, "only": "--only"}


@click.group(cls=Verbs, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-r", "--run", "is_execution", is_flag=True, help="Train what models.toml lists, unattended.")
@click.option("-u", "--unfinished", "skip_done", is_flag=True, help="With -r: skip what history says is done.")
@click.option(
    "-n",
    "--no-log",
    "--no_log",
    "no_log",
    is_flag=True,
    help="With -r: write no logs, results or history.",
)
@click.option(
    "-j", "--jobs", "at_once", type=click.IntRange(min=1), metavar="N", help="With -r: N runs at a time, not 1."
)
@click.option("--watch", is_flag=True, help="With -r: stay when the queue is empty, and wait for work.")
@click.option("--test-first", is_flag=True, help="With -r: first test all that has not passed test mode yet.")
@click.option("--only", multiple=True, metavar="MODEL[:VERSION]", help="Only this; may be given again.")
@click.option("-C", "folder", type=click.Path(), default=".", metavar="DIR", help="The project.")
@click.option("--debug", is_flag=True, help="Show tracebacks of mlpipeline itself.")
@click.version_option(__version__, prog_name="mlpipeline")
@click.pass_context
def command(
    context: click.Context,
    is_execution: bool,
    skip_done: bool,
    no_log: bool,
    at_once: int | None,
    watch: bool,
    test_first: bool,
    only: tuple[str, ...],
    folder: str,
    debug: bool,
) -> None:
    """Test every listed version of every model, or (-r) train them all.

    Without -r it tests: each version listed in models_test.toml, one step each, until the first failure. With -r it
    trains what models.toml lists, one process per version, and goes on whatever happens.

    \b
    Examples:
      mlpipeline                        test everything, in a minute
      mlpipeline -r -u                  train what is not done yet
      mlpipeline -r -j 4 --watch        four at a time; wait for more when the queue is empty
      mlpipeline -r --test-first        train what passes its test, all of which come first
      mlpipeline -r --only digits:deep  one version of models/digits.py
    """
    context.obj = Place(folder=folder, is_debug=debug)
    if context.invoked_subcommand is not None:
        given = [flag for name, flag in _LAUNCH_ONLY.items() if context.params[name]]
        if given:
            raise click.UsageError(f"{given[0]} does not go with {context.invoked_subcommand}.")
        return
    if not is_execution:
        given = [flag for name, flag in _RUN_ONLY.items() if context.params[name]]
        if given:
            raise click.UsageError(f"{given[0]} needs -r.")
    from mlpipeline.cli.launching import execute, test

    with exit_for(context.obj):
        if is_execution:
            sys.exit(
                execute(
                    context.obj,
                    skip_done=skip_done,
                    is_recorded=not no_log,
                    at_once=at_once or 1,
                    watch=watch,
                    test_first=test_first,
                    only=only,
                )
            )
        sys.exit(test(context.obj, only))


def main() -> None:
    """Run the command."""
    have_all_written()
    try:
        try:
            command(prog_name="mlpipeline")
        except SystemExit as leaving:
            _leave(leaving)
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _leave(leaving: SystemExit) -> None:
    """End as Python does, but for taking all modules apart: that takes longer than looking something up.

    Raises:
        BrokenPipeError: whoever read our output has seen enough.
    """
    if leaving.code is not None and not isinstance(leaving.code, int):
        raise leaving
    if "threading" in sys.modules:
        sys.modules["threading"]._shutdown()
    atexit._run_exitfuncs()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.flush()
    os._exit((leaving.code or 0) & 0xFF)
