"""What a shell offers when Tab is pressed: names from history, heartbeats and the queue file; no script is imported.

Whatever goes wrong meanwhile, nothing is offered and nothing is said: somebody is typing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING

import click

from mlpipeline.cli.project import Place

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from mlpipeline.domain.runs import Run
    from mlpipeline.history.ledger import Ledger
    from mlpipeline.project.paths import Outputs
    from mlpipeline.project.settings import Settings

#: How many of the latest runs are offered, and looked through for versions.
_LOOKED_AT = 200
#: From how many characters of an id on all runs are looked through.
_TELLING = 3

Words = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]


def _quietly(words: Words) -> Words:
    @wraps(words)
    def find(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            return words(context, parameter, incomplete)
        except (Exception, SystemExit):
            return []

    return find


@_quietly
def any_run(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return what RUN may be."""
    return _runs(context, incomplete, bool)


@_quietly
def open_run(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return what RUN may be of those that are still to end."""
    return _runs(context, incomplete, lambda run: run.is_open)


@_quietly
def unfinished_run(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return what RUN may be of those that failed, were stopped or lost."""
    return _runs(context, incomplete, lambda run: not run.is_open and run.outcome != "succeeded")


@_quietly
def model_or_version(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the models, and the versions that are known without importing a script."""
    settings, outputs, ledger = _project(context)
    return _spelled(_models_and_versions(settings, outputs, ledger), settings, incomplete)


@_quietly
def any_script(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return what `model_or_version` does, and the scripts that nobody listed yet."""
    from mlpipeline.domain.queue import Queue, model_name
    from mlpipeline.project.scripts import listed_scripts

    settings, outputs, ledger = _project(context)
    every = listed_scripts(Queue(entries=(), use_blacklist=True), settings.models_dir).entries
    known = [*(model_name(entry.script) for entry in every), *_models_and_versions(settings, outputs, ledger)]
    return _spelled(known, settings, incomplete)


@_quietly
def names(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the names of parameters, results and what else is told of runs; of a list with commas, its last one."""
    from mlpipeline.domain.facts import FIELDS

    listed, comma, begun = incomplete.rpartition(",")
    before = f"{listed}{comma}" if comma else "+" if begun.startswith("+") else ""
    runs = _project(context)[2].newest(_LOOKED_AT)
    known = [*FIELDS, *(name for run in runs for name in (*run.results, *run.parameters))]
    return _fitting([f"{before}{name}" for name in known], incomplete)


def _project(context: click.Context) -> tuple[Settings, Outputs, Ledger]:
    from mlpipeline.history.ledger import Ledger

    place = Place(folder=context.find_root().params.get("folder") or ".", is_debug=False)
    settings = place.settings()
    outputs = place.outputs(settings)
    return settings, outputs, Ledger.read(outputs, os.environ, warn=lambda _: None)


def _runs(context: click.Context, incomplete: str, is_meant: Callable[[Run], bool]) -> list[CompletionItem]:
    """Return the versions whose latest run is meant, then the ids of the runs that are."""
    from click.shell_completion import CompletionItem

    ledger = _project(context)[2]
    runs = ledger.newest(_LOOKED_AT)
    if len(incomplete) >= _TELLING and ":" not in incomplete:
        runs += ledger.named(incomplete)
    latest: dict[str, Run] = {}
    for run in runs:
        latest.setdefault(run.key, run)
    versions = [CompletionItem(key, help=_how(run)) for key, run in latest.items() if is_meant(run)]
    ids = {run.id: CompletionItem(run.id, help=f"{run.key} {_how(run)}") for run in runs if is_meant(run)}
    return [item for item in (*versions, *ids.values()) if item.value.startswith(incomplete)]


def _how(run: Run) -> str:
    return run.outcome_in_words if run.outcome else "paused" if run.is_paused else run.state


def _models_and_versions(settings: Settings, outputs: Outputs, ledger: Ledger) -> list[str]:
    import time

    from mlpipeline.domain.names import version_key
    from mlpipeline.domain.queue import model_name
    from mlpipeline.errors import QueueError
    from mlpipeline.project.paths import QUEUE_NAME
    from mlpipeline.project.queue_file import read_queue
    from mlpipeline.project.scripts import listed_scripts
    from mlpipeline.views.observed import observe_daemons

    models, versions = [], []
    # Somebody may be in the midst of editing it: history and heartbeats answer without it.
    with suppress(QueueError):
        queue = read_queue(settings.root / QUEUE_NAME, settings.models_dir)
        models = [model_name(entry.script) for entry in listed_scripts(queue, settings.models_dir).entries]
        versions = [
            version_key(model_name(entry.script), entry.name_of(version))
            for entry in queue.entries
            for version in entry.versions or ()
        ]
    runs = ledger.newest(_LOOKED_AT)
    known = [key for daemon in observe_daemons(outputs, time.time()) for key in daemon.known]
    return [*models, *(run.model for run in runs), *versions, *known, *(run.key for run in runs)]


def _spelled(known: Sequence[str], settings: Settings, incomplete: str) -> list[CompletionItem]:
    """Return the models and versions that fit, in the first spelling in which any does."""
    return next(filter(None, (_fitting(words, incomplete) for words in _spellings(known, settings))), [])


def _spellings(known: Sequence[str], settings: Settings) -> Iterator[list[str]]:
    """Yield models and versions as people spell them: `net`, `net.py`, `models/net.py` from where one is."""
    yield list(known)
    scripts = [(model, f"{colon}{version}") for model, colon, version in (word.partition(":") for word in known)]
    yield [f"{model}.py{version}" for model, version in scripts]
    folder = os.path.relpath(settings.models_dir)
    yield [f"{folder}/{model}.py{version}" for model, version in scripts]


def _fitting(words: Iterable[str], incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(word) for word in dict.fromkeys(words) if word.startswith(incomplete)]
