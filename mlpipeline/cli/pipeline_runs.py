"""`mlpipeline pipeline run`: told stage by stage on stderr, what was asked for on stdout."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import click

from mlpipeline.cli.output import echo_json, echo_message
from mlpipeline.cli.pipeline_files import NamedPipeline, named_pipeline, stdout_for_answers
from mlpipeline.cli.pipeline_progress import Progress
from mlpipeline.cli.project import Place
from mlpipeline.errors import MlpipelineError, PipelineError
from mlpipeline.pipelines.cache import Cache
from mlpipeline.views.pipeline_values import Value, run_for_programs, values_text
from mlpipeline.worker.failures import exit_call, one_line, user_traceback

if TYPE_CHECKING:
    from mlpipeline.pipelines.wiring import StageCall


def carried_out(
    place: Place,
    what: str,
    asked: str | None,
    *,
    settings: Sequence[str],
    force: Collection[str],
    which: str | None,
    as_json: bool,
) -> int:
    """Run what is needed for a stage or an artifact, print its value, and return the exit status.

    Args:
        place: where the command is used.
        what: the file, or model, and which of its versions.
        asked: a stage or an artifact; None for all that no stage takes.
        settings: parameters, each as `NAME=VALUE`.
        force: the stages that run though they are cached.
        which: the name of the pipeline, in a file that has several.
        as_json: print one JSON object.

    Raises:
        MlpipelineError: nothing ran, for there is no such file, stage or parameter, or it does not fit together; or
            what a stage returned is not what it is to make.
    """
    with stdout_for_answers():
        named = named_pipeline(place, what, which, settings)
        if asked is not None and asked in named.wired().inputs:
            raise PipelineError(f'{asked} is an Input: it is handed in from Python, as inputs={{"{asked}": …}}.')
        with Progress() as progress:
            try:
                values = _values(named, asked, force, progress)
            except (MlpipelineError, KeyboardInterrupt):
                raise
            except BaseException as error:
                if progress.failed is None:
                    raise
                failure = user_traceback(error), _told(progress.failed, error)
    if progress.failed is not None:
        traceback, told = failure
        echo_message(traceback.rstrip("\n"), begins="")
        echo_message(told)
        return 1
    if as_json:
        echo_json(run_for_programs(named.name, values, progress.told))
    else:
        click.echo(values_text(values))
    return 0


def _values(named: NamedPipeline, asked: str | None, force: Collection[str], progress: Progress) -> list[Value]:
    with named.advising():
        execution, names = named.pipeline.execute(
            asked, inputs={}, parameters=named.parameters, watcher=progress, force=force
        )
    cache = Cache(named.pipeline.cache_folder)
    values = []
    for name in names:
        live = execution.artifacts[name]
        path = None if live.stored is None else cache.path_of(live.stored)
        size_bytes = None if live.stored is None else live.stored.size_bytes
        values.append(Value(name=name, value=live.value(), size_bytes=size_bytes, path=path))
    return values


def _told(call: StageCall, error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"stage {call.name} called {exit_call(error)}"
    return f"stage {call.name} failed: {one_line(error)}"
