"""The pipeline that somebody names at the prompt: its file imported, its parameters as they are wanted."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import Parameter, signature
from io import TextIOWrapper
from pathlib import Path
from types import ModuleType
from typing import Any

from mlpipeline.authoring.versions import Version
from mlpipeline.cli.output import require_stdout
from mlpipeline.cli.project import Place
from mlpipeline.domain.queue import model_name
from mlpipeline.domain.words import did_you_mean, named, nearest
from mlpipeline.errors import (
    CallLacks,
    MlpipelineError,
    NoSuchParameter,
    NotListed,
    QueueError,
    ScriptError,
    SettingsError,
)
from mlpipeline.pipelines.definitions import marked_stages
from mlpipeline.pipelines.pipeline import Pipeline
from mlpipeline.pipelines.wiring import Purpose, Wiring
from mlpipeline.project.paths import QUEUE_NAME
from mlpipeline.project.settings import find_project, load_settings
from mlpipeline.worker.failures import one_line, user_traceback
from mlpipeline.worker.importing import StoredCode, prepare_path
from mlpipeline.worker.models import load_script, script_name

#: Arguments that take whatever is left.
_REST = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


@dataclass(frozen=True, kw_only=True)
class _File:
    """A script, and where its project is; of one that is in none, its folder is all of that."""

    path: Path
    models_dir: Path
    root: Path
    is_in_project: bool

    @property
    def name(self) -> str:
        """As it is listed."""
        return script_name(self.path, self.models_dir)


@dataclass(frozen=True, kw_only=True)
class NamedPipeline:
    """A pipeline as somebody named it."""

    #: Of the model, and of the version if one was named: `net`, `net:small`.
    name: str
    pipeline: Pipeline
    #: Those of the version, and those that were given on top.
    parameters: Mapping[str, Any]
    #: The versions that there are, where none was named.
    versions: tuple[str, ...]

    def wired(self) -> Wiring:
        """Its stages, wired up.

        Raises:
            PipelineError: they do not fit together.
        """
        return self.pipeline.wired(self.parameters)

    @contextmanager
    def advising(self) -> Iterator[None]:
        """Add to what a stage lacks that a version may give it."""
        try:
            yield
        except CallLacks as error:
            # A stage that was running may have used a pipeline of its own.
            own = self.wired().graph(Purpose.TRAINING).calls.get(error.call)
            if self.versions and own is not None and own.lacks is not None:
                raise CallLacks(error.call, f"{error} Or name a version: {self.name}:{self.versions[0]}.") from error
            raise


def named_pipeline(place: Place, what: str, which: str | None, settings: Sequence[str]) -> NamedPipeline:
    """Import a file and return its pipeline; the current folder is its project from then on, as in the queue.

    Args:
        place: where the command is used.
        what: a path, or a model as it is listed; a version of it may follow a colon.
        which: the name that the pipeline has in the file, where it has several.
        settings: parameters, each as `NAME=VALUE`.

    Raises:
        MlpipelineError: there is no such file, it cannot be used, or has no such pipeline.
    """
    from mlpipeline.domain.assignments import assigned

    given = assigned(settings)
    file, version = _file(place, what)
    sys.argv[:] = [str(file.path)]
    prepare_path(file.models_dir, file.root, file.path)
    if file.is_in_project:
        os.chdir(file.root)
    module = load_script(file.path, file.models_dir, StoredCode.EMPTY)
    pipeline = _pipeline(module, file.name, which)
    names = () if pipeline.versions is None else tuple(one.name for one in pipeline.versions.in_order())
    parameters = {} if version is None else _version(pipeline, version, file).own_parameters()
    model = model_name(file.name)
    named = NamedPipeline(
        name=model if version is None else f"{model}:{version}",
        pipeline=pipeline,
        parameters=parameters,
        versions=() if version is not None else names,
    )
    if not given:
        return named
    return NamedPipeline(
        name=named.name,
        pipeline=pipeline,
        parameters=_parameters(given, named.wired(), parameters),
        versions=named.versions,
    )


@contextmanager
def stdout_for_answers() -> Iterator[None]:
    """Have what user code prints go to stderr, also what its child processes do: stdout is for what was asked for.

    Raises:
        OSError: there is no stdout.
    """
    require_stdout()
    sys.stdout.flush()
    stdout = sys.stdout.fileno()
    ours = os.dup(stdout)
    try:
        theirs = os.dup(2)
    except OSError:  # stderr was closed before the launch
        theirs = os.open(os.devnull, os.O_WRONLY)
    os.dup2(theirs, stdout)
    os.close(theirs)
    # In order with what goes to stderr.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(ours, stdout)
        os.close(ours)


def _file(place: Place, what: str) -> tuple[_File, str | None]:
    """Return the file that somebody names, and which of its versions."""
    path = _existing(Path(what))
    version = None
    if path is None:
        script, colon, version = what.rpartition(":")
        if not colon:
            script, version = what, None
        elif not script or not version:
            raise NotListed(
                f'"{what}" names nothing. Write a script, such as net.py, or one of its versions: net:deep.'
            )
        path = _existing(Path(script)) or _listed(place, script)
    path = path.parent.resolve() / path.name  # a script that is a link stays the link
    try:
        root = find_project(path.parent)
    except SettingsError:
        return _File(path=path, models_dir=path.parent, root=path.parent, is_in_project=False), version
    return _File(path=path, models_dir=load_settings(root).models_dir, root=root, is_in_project=True), version


def _existing(path: Path) -> Path | None:
    return next((one for one in (path, path.with_name(f"{path.name}.py")) if path.name and one.is_file()), None)


def _listed(place: Place, script: str) -> Path:
    """Return the script of a model of the project that the command is used in."""
    from mlpipeline.domain.queue import Queue
    from mlpipeline.project.scripts import listed_scripts

    try:
        models_dir = place.settings().models_dir
    except SettingsError as error:
        told = f"{script}: there is no such file, and here is no project whose model it may be.{_beside(script)}"
        raise NotListed(told) from error
    path = _existing(models_dir / script)
    if path is not None:
        return path
    try:
        known = listed_scripts(Queue(entries=(), use_blacklist=True), models_dir).entries
    except QueueError:
        known = ()
    hint = did_you_mean(model_name(script), [model_name(entry.script) for entry in known])
    hint = hint or _beside(script)
    raise NotListed(f"{script}: there is no such file, neither here nor in {models_dir}.{hint}")


def _beside(script: str) -> str:
    """Return which script may have been meant of those that lie where it was looked for, ready to end a message."""
    path = Path(script)
    # By their names alone: the folder is the same.
    found = nearest(path.name, [one.name if path.suffix else one.stem for one in sorted(path.parent.glob("*.py"))])
    return "" if found is None else f' Did you mean "{path.with_name(found)}"?'


def _pipeline(module: ModuleType, script: str, which: str | None) -> Pipeline:
    """Return the pipeline of a script: its MODEL, its only one, or that of the stages that it marks."""
    values = vars(module)
    found = {name: value for name, value in values.items() if _is_pipeline(value, module)}
    if which is not None:
        if which not in found:
            raise ScriptError(script, f'it has no pipeline called "{which}".{did_you_mean(which, found)}')
        return _made(found[which], values, script)
    model = values.get("MODEL")
    if isinstance(model, Pipeline):
        return model
    objects = {name: value for name, value in found.items() if isinstance(value, Pipeline)}
    # A subclass of which the script makes an object is no second pipeline.
    by_id = {id(value): name for name, value in (objects or found).items()}
    if len(by_id) > 1:
        names = list(by_id.values())
        raise ScriptError(
            script, f"it has several pipelines, {', '.join(names)}. Say which: --pipeline {names[0]}, or set MODEL."
        )
    if by_id:
        (name,) = by_id.values()
        return _made(found[name], values, script)
    if not marked_stages(values):
        raise ScriptError(script, "it has no pipeline, and no stage. Mark classes or functions with @stage.")
    return Pipeline().in_module(values)


def _is_pipeline(value: Any, module: ModuleType) -> bool:
    if isinstance(value, type):
        return issubclass(value, Pipeline) and value.__module__ == module.__name__
    return isinstance(value, Pipeline)


def _made(found: Pipeline | type[Pipeline], namespace: dict[str, Any], script: str) -> Pipeline:
    """Return a pipeline of a script, or one of the class that it defines, as if the script had made it."""
    if isinstance(found, Pipeline):
        return found
    arguments = signature(found).parameters.values()
    needed = [one.name for one in arguments if one.default is one.empty and one.kind not in _REST]
    if needed:
        made_with = f"its pipeline {found.__name__} is made with {named(needed, None)}"
        raise ScriptError(script, f"{made_with}. Make one: MODEL = {found.__name__}(…).")
    try:
        return found().in_module(namespace)
    except MlpipelineError:
        raise
    except Exception as error:
        told = f"its pipeline {found.__name__} cannot be made: {one_line(error)}"
        raise ScriptError(script, told, traceback=user_traceback(error)) from error


def _version(pipeline: Pipeline, name: str, file: _File) -> Version:
    """Return a version of the script, or one that `set` in models.toml makes of such, by its name in the queue.

    Raises:
        MlpipelineError: there is none; or it may be one of models.toml, which cannot be read.
    """
    if pipeline.versions is None:
        raise MlpipelineError(f'{file.name}: its pipeline has no versions, so there is no "{name}".')
    own = {version.name: version for version in pipeline.versions.in_order()}
    if name in own or "@" not in name or not file.is_in_project:
        return pipeline.versions.getVersion(name)
    from mlpipeline.project.queue_file import read_queue
    from mlpipeline.worker.parameters import changed_version

    made = {
        entry.name_of(base): (base, entry.changes.values)
        for entry in read_queue(file.root / QUEUE_NAME, file.models_dir).entries
        if entry.script == file.name and entry.changes is not None
        for base in entry.versions or own
        if base in own
    }
    if name not in made:
        base, _, changes = name.partition("@")
        hint = did_you_mean(name, made)
        if not hint and base in own:
            hint = f" To have it all the same: {model_name(file.name)}:{base} --set {changes.replace(',', ' --set ')}"
        raise NotListed(f'neither {file.name} nor {QUEUE_NAME} has a version "{name}".{hint}')
    base, values = made[name]
    return changed_version(own[base], name, values, pipeline.further_parameters(own[base]))


def _parameters(given: Mapping[str, Any], wiring: Wiring, own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a version, or none, with what was given in their place and beside them.

    Raises:
        MlpipelineError: no stage takes one, or a text is to stand where there is anything else than a text now.
    """
    from mlpipeline.domain.assignments import require_kinds
    from mlpipeline.domain.changes import Changes
    from mlpipeline.domain.values import as_parameter

    changes, further = Changes(values=given), wiring.further_parameters(own)
    known = {name: as_parameter(value) for name, value in {**further.defaults, **own}.items()}
    require_kinds(changes.called(own, further), known, advice="")
    try:
        return changes.in_place(own, further)
    except NoSuchParameter as error:
        wiring.require_parameter(error.key)  # It knows what the stage takes instead.
        raise
