"""`mlpipeline pipeline`: one pipeline of cached stages at the prompt; run, looked at, asked why."""

from __future__ import annotations

import sys
import time

import click

from mlpipeline.cli.completion import any_script
from mlpipeline.cli.output import echo_json, echo_screen, stdout_screen
from mlpipeline.cli.project import Place, exit_for

_FILE = click.argument("file", metavar="FILE[:VERSION]", shell_complete=any_script)
_SET = click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter; again for more.")
_WHICH = click.option("--pipeline", "which", metavar="NAME", help="Which one, where the file has several.")
_JSON = click.option("--json", "as_json", is_flag=True, help="For programs: one object.")


@click.group()
def pipeline() -> None:
    """Run a pipeline of cached stages, or see what would run, and why.

    FILE is a script, or a model as it is listed. Its pipeline is its MODEL, else the one Pipeline that it makes or
    defines, else all stages that it marks.

    \b
    Examples:
      mlpipeline pipeline run digits.py accuracy         what it needs runs first; what is cached does not run
      mlpipeline pipeline show digits                    what is cached, and what would run
      mlpipeline pipeline why digits:deep train_model    what changed
    """


@pipeline.command()
@_FILE
@click.argument("stage", required=False, metavar="[STAGE]")
@_SET
@click.option("--force", multiple=True, metavar="STAGE", help="Run this one though it is cached; again for more.")
@_WHICH
@_JSON
@click.pass_obj
def run(
    place: Place,
    file: str,
    stage: str | None,
    settings: tuple[str, ...],
    force: tuple[str, ...],
    which: str | None,
    as_json: bool,
) -> None:
    """Run what is needed for a stage or an artifact, and print what it makes; without one, all that no stage takes.

    What the stages print goes to stderr.

    \b
    Examples:
      mlpipeline pipeline run digits.py
      mlpipeline pipeline run digits.py accuracy --set train_model.epochs=5
      mlpipeline pipeline run digits:deep --force train_model
    """
    from mlpipeline.cli.pipeline_runs import carried_out

    with exit_for(place):
        sys.exit(carried_out(place, file, stage, settings=settings, force=force, which=which, as_json=as_json))


@pipeline.command()
@_FILE
@_SET
@click.option("--mermaid", "as_mermaid", is_flag=True, help="As a diagram that GitHub and others draw.")
@click.option("--dot", "as_dot", is_flag=True, help="As a diagram for Graphviz.")
@_WHICH
@_JSON
@click.pass_obj
def show(
    place: Place,
    file: str,
    settings: tuple[str, ...],
    as_mermaid: bool,
    as_dot: bool,
    which: str | None,
    as_json: bool,
) -> None:
    """List the stages, what each takes and makes, what is cached, and what would run.

    Nothing runs. A stage below one that would run may run: if what it takes comes out as before, it is cached.

    \b
    Examples:
      mlpipeline pipeline show digits.py
      mlpipeline pipeline show digits:deep --set epochs=5
      mlpipeline pipeline show digits --dot | dot -Tsvg > digits.svg
    """
    if as_mermaid + as_dot + as_json > 1:
        raise click.UsageError("--mermaid, --dot and --json do not go together.")
    with exit_for(place):
        from mlpipeline.cli.pipeline_files import named_pipeline, stdout_for_answers
        from mlpipeline.pipelines.cache import Cache
        from mlpipeline.pipelines.outlook import outlooks

        with stdout_for_answers():
            named = named_pipeline(place, file, which, settings)
            with named.advising():
                cache = Cache(named.pipeline.cache_folder)
                found = outlooks(named.wired(), cache)
        if as_mermaid or as_dot:
            from mlpipeline.views.pipeline_diagrams import dot, mermaid

            click.echo(mermaid(found) if as_mermaid else dot(found, named.name))
            return
        from mlpipeline.views.pipeline import pipeline_for_programs, pipeline_screen

        if as_json:
            echo_json(pipeline_for_programs(named.name, named.versions, found, cache.folder))
        else:
            echo_screen(pipeline_screen(named.name, named.versions, found, stdout_screen(), time.time()))


@pipeline.command()
@_FILE
@click.argument("stage", metavar="STAGE")
@_SET
@_WHICH
@_JSON
@click.pass_obj
def why(place: Place, file: str, stage: str, settings: tuple[str, ...], which: str | None, as_json: bool) -> None:
    """Say why a stage would run again, or since when it is cached.

    It is compared with what was made of nearly the same. Nothing runs.

    \b
    Examples:
      mlpipeline pipeline why digits.py train_model
      mlpipeline pipeline why digits:deep accuracy --set epochs=5
    """
    with exit_for(place):
        from mlpipeline.cli.pipeline_files import named_pipeline, stdout_for_answers
        from mlpipeline.pipelines.cache import Cache
        from mlpipeline.pipelines.outlook import outlooks
        from mlpipeline.views.pipeline_why import why_for_programs, why_screen

        with stdout_for_answers():
            named = named_pipeline(place, file, which, settings)
            with named.advising():
                found = outlooks(named.wired(), Cache(named.pipeline.cache_folder), stage)
        if as_json:
            echo_json(why_for_programs(named.name, found))
        else:
            echo_screen(why_screen(found, stdout_screen()))
