"""`mlpipeline queue`: what is listed, and edits of the list."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mlpipeline.cli.completion import any_script, model_or_version
from mlpipeline.cli.editing import Editing
from mlpipeline.cli.output import echo_json, echo_screen, stdout_screen
from mlpipeline.cli.project import Place, exit_for
from mlpipeline.cli.reading import look

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpipeline.domain.listed import Edit, Listed

_WHAT = "SCRIPT[:VERSION]"
_JSON_HELP = "For programs: one object."


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help=_JSON_HELP)
@click.pass_context
def queue(context: click.Context, as_json: bool) -> None:
    """List what models.toml lists, or edit it.

    Edits are those that you would make in the file: comments and layout stay. A daemon takes them up at once.

    \b
    Examples:
      mlpipeline queue                                 what is listed, and how it stands
      mlpipeline queue add net.py                      every version of models/net.py
      mlpipeline queue add net:small --set lr=0.1      a version of its own: net:small@lr=0.1
      mlpipeline queue up net:small --first            run it next
      mlpipeline queue hold net                        not now; hold --off lets it go on
      mlpipeline queue rm net:small
    """
    if context.invoked_subcommand is None:
        _list(context.obj, as_json)
    elif as_json:
        raise click.UsageError("--json goes with the list: mlpipeline queue --json.")


@queue.command("list")
@click.option("--json", "as_json", is_flag=True, help=_JSON_HELP)
@click.pass_obj
def list_(place: Place, as_json: bool) -> None:
    """List what is listed, and how each version stands.

    \b
    Example:
      mlpipeline queue list
    """
    _list(place, as_json)


@queue.command()
@click.argument("names", nargs=-1, required=True, metavar=f"{_WHAT}...", shell_complete=any_script)
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter to change; again for more.")
@click.option("--first", "is_first", is_flag=True, help="Before everything, not after it.")
@click.pass_obj
def add(place: Place, names: tuple[str, ...], settings: tuple[str, ...], is_first: bool) -> None:
    """List scripts, or some of their versions.

    \b
    Examples:
      mlpipeline queue add net.py
      mlpipeline queue add net:small net:large --first
      mlpipeline queue add net:small --set lr=0.1 --set layers=3
    """
    with exit_for(place):
        Editing(place).add(names, settings, is_first=is_first)


@queue.command()
@click.argument("names", nargs=-1, required=True, metavar=f"{_WHAT}...", shell_complete=model_or_version)
@click.pass_obj
def rm(place: Place, names: tuple[str, ...]) -> None:
    """Take scripts, or some of their versions, off the list.

    What runs goes on. Of a script that is listed with every version, the others are then listed by name.

    \b
    Examples:
      mlpipeline queue rm net.py
      mlpipeline queue rm net:small net:small@lr=0.1
    """
    from mlpipeline.domain.listed import remove

    with exit_for(place):
        editing = Editing(place)
        editing.each(
            names,
            lambda lines, script, version: remove(lines, script, version, editing.known.ask),
            leaves_runs=True,
        )


@queue.command()
@click.argument("names", nargs=-1, required=True, metavar=f"{_WHAT}...", shell_complete=model_or_version)
@click.option("--first", "is_first", is_flag=True, help="Before everything, in the order named.")
@click.pass_obj
def up(place: Place, names: tuple[str, ...], is_first: bool) -> None:
    """Move scripts, or some of their versions, before what stands above them.

    A version of several gets a line of its own before them, and moves on from there. None passes another that is named.

    \b
    Examples:
      mlpipeline queue up net.py
      mlpipeline queue up net:small net:large --first
    """
    _move(place, names, "first" if is_first else "up")


@queue.command()
@click.argument("names", nargs=-1, required=True, metavar=f"{_WHAT}...", shell_complete=model_or_version)
@click.option("--last", "is_last", is_flag=True, help="After everything, in the order named.")
@click.pass_obj
def down(place: Place, names: tuple[str, ...], is_last: bool) -> None:
    """Move scripts, or some of their versions, after what stands below them.

    A version of several gets a line of its own after them, and moves on from there. None passes another that is named.

    \b
    Examples:
      mlpipeline queue down net.py
      mlpipeline queue down net:small --last
    """
    _move(place, names, "last" if is_last else "down")


@queue.command()
@click.argument("names", nargs=-1, required=True, metavar=f"{_WHAT}...", shell_complete=model_or_version)
@click.option("--off", "is_off", is_flag=True, help="Let it go.")
@click.pass_obj
def hold(place: Place, names: tuple[str, ...], is_off: bool) -> None:
    """Have scripts, or some of their versions, stay listed and not start.

    What runs goes on; what comes after it waits. To hold back a run itself: mlpipeline pause.

    \b
    Examples:
      mlpipeline queue hold net:large
      mlpipeline queue hold --off net:large
    """
    from mlpipeline.domain.listed import hold as held

    with exit_for(place):
        editing = Editing(place)

        def change(lines: Sequence[Listed], script: str, version: str | None) -> Edit:
            editing.require_version(lines, script, version)
            return held(lines, script, version, editing.known.ask, is_off=is_off)

        editing.each(names, change, leaves_runs=not is_off)


def _move(place: Place, names: Sequence[str], way: str) -> None:
    from mlpipeline.domain.listed import Way, move_all

    with exit_for(place):
        editing = Editing(place)
        editing.together(names, lambda lines, named: move_all(lines, named, Way(way), editing.known.ask))


def _list(place: Place, as_json: bool) -> None:
    from mlpipeline.domain.queue import model_name
    from mlpipeline.history.standing import ended_of_models
    from mlpipeline.project.paths import QUEUE_NAME
    from mlpipeline.project.queue_file import read_queue
    from mlpipeline.views.queue import queue_for_programs, queue_screen, standing

    with exit_for(place):
        settings = place.settings()
        outputs = place.outputs(settings)
        path = settings.root / QUEUE_NAME
        read = read_queue(path, settings.models_dir)
        entries = read.entries
        if read.use_blacklist:
            from mlpipeline.project.scripts import listed_scripts

            entries = listed_scripts(read, settings.models_dir).entries
        models = {model_name(entry.script) for entry in entries}
        seen = look(outputs, lambda ledger: [run for run in ledger.open_runs() if run.model in models])
        lines = standing(entries, seen.runs, ended_of_models(seen.ledger, models), seen.daemons)
        if as_json:
            echo_json(queue_for_programs(path, read, lines))
        else:
            echo_screen(queue_screen(read, lines, stdout_screen()))
