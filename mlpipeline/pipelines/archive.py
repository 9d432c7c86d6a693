"""A fitted pipeline in one file: the sources of its stages, what they have learned, and what they need."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

from mlpipeline import __version__
from mlpipeline.domain.words import named
from mlpipeline.errors import ArchiveError, NotTrusted, PipelineError
from mlpipeline.pipelines.archive_file import opened_archive, write_archive
from mlpipeline.pipelines.archived_code import ArchivedCode, Reference, Source
from mlpipeline.pipelines.archived_values import StoredValue, ValueReader, ValueWriter
from mlpipeline.pipelines.definitions import SEPARATOR, StageDefinition
from mlpipeline.pipelines.edges import Edge
from mlpipeline.pipelines.fitted import Fitted, FittedState
from mlpipeline.pipelines.project_modules import ProjectModules, check_not_called_by_import
from mlpipeline.pipelines.required_packages import (
    Package,
    differing_packages,
    missing_packages,
    required_packages,
)
from mlpipeline.pipelines.states import restored, state_in
from mlpipeline.project.clock import timestamp


@dataclass(frozen=True, kw_only=True)
class StoredState:
    """What an object had, or has learned, in an archive."""

    #: Each attribute for itself, by name; all of it by no name where `__getstate__` says what it is.
    values: Mapping[str, StoredValue]
    is_whole: bool


@dataclass(frozen=True, kw_only=True)
class StoredStage:
    """One stage in an archive."""

    name: str
    #: Its class or function.
    target: Reference
    #: What its constructor, or its function, gets.
    parameters: Mapping[str, StoredValue]
    #: What the object had that the script gave as the stage, where nobody knows what its constructor was given.
    own: StoredState | None
    #: What it has learned.
    state: StoredState | None

    def values(self) -> Iterator[StoredValue]:
        """All values of it."""
        yield from self.parameters.values()
        for state in (self.own, self.state):
            yield from state.values.values() if state is not None else ()

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> StoredStage:
        """The stage that `asdict` made JSON of."""
        return cls(
            name=value["name"],
            target=Reference(**value["target"]),
            parameters=_stored_values(value["parameters"]),
            own=_stored_state(value["own"]),
            state=_stored_state(value["state"]),
        )


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What an archive holds of a pipeline, ready to be run."""

    stages: Mapping[str, Any]
    edges: Mapping[str, Edge]
    #: `<stage>.<parameter>` -> its value.
    parameters: Mapping[str, Any]
    #: Stage -> what it has learned.
    states: Mapping[str, FittedState]
    #: Where that lies to which paths in the states lead, as long as anybody holds this; None where there are none.
    folder: TemporaryDirectory[str] | None


def save(fitted: Fitted, path: Path) -> None:
    """Write a fitted pipeline to `path`.

    Raises:
        ArchiveError: it cannot be written there.
        PipelineError: a stage has not been fitted, or something of it cannot be stored.
    """
    unfitted = [name for name in fitted.wiring.states if name not in fitted.states]
    if unfitted:
        raise PipelineError(
            f"{named(unfitted, None)} {'has' if len(unfitted) == 1 else 'have'} not been fitted. "
            "Call pipeline.fit(…) before pipeline.save(…)."
        )
    try:
        with TemporaryDirectory(prefix="mlpipeline-archive-") as folder:
            write_archive(path, _gathered(fitted, Path(folder), sys._getframe(1)), Path(folder))
    except OSError as error:
        raise ArchiveError(path, f"cannot be written: {error.strerror or error}") from error


def _gathered(fitted: Fitted, folder: Path, caller: FrameType) -> dict[str, Any]:
    """Write all that is to be in the archive into a folder, and return what its manifest says."""
    modules = ProjectModules()
    writer = ValueWriter(folder, modules)
    stages = [_stored_stage(stage, fitted, modules, writer) for stage in fitted.wiring.stages.values()]
    check_not_called_by_import(caller, modules.needed)
    sources = modules.sources()
    for name, source in sources.items():
        file = folder / "code" / source.path(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source.text, "utf-8")
    packages = required_packages(
        [source.text for source in sources.values()],
        also=writer.packages,
        but_not={name.partition(".")[0] for name in [*sources, *modules.needed]},
    )
    return {
        **_versions(),
        "saved_at": timestamp(),
        "packages": [asdict(package) for package in packages],
        "modules": {name: source.path(name) for name, source in sources.items()},
        "stages": [asdict(stage) for stage in stages],
        "edges": {name: _plain(edge) for name, edge in fitted.wiring.edges.items()},
    }


def load(path: Path, *, trust: bool) -> Contents:
    """Read the pipeline at `path`: this runs the sources in it, as importing them would.

    Args:
        path: of an archive.
        trust: whether pickles in it are loaded.

    Raises:
        ArchiveError: it cannot be read, or something that it needs is not here.
        NotTrusted: it holds pickles, and `trust` is false; nothing of it was run then.
        BaseException: whatever importing its modules raises.
    """
    with opened_archive(path) as archive, ExitStack() as unpacked:
        try:
            stages = [StoredStage.from_json(stage) for stage in archive.manifest["stages"]]
            packages = [Package(**package) for package in archive.manifest["packages"]]
            paths: dict[str, str] = dict(archive.manifest["modules"])
            edges = dict(archive.manifest["edges"])
            versions = {what: str(archive.manifest[what]) for what in _versions()}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ArchiveError(path, f"its manifest is damaged ({type(error).__name__}: {error}).") from error
        _check_packages(path, packages)
        _check_pickles(path, stages, trust=trust)
        _warn_of_differences(path, versions, packages)
        temporary = TemporaryDirectory(prefix="mlpipeline-archive-")
        folder = Path(unpacked.enter_context(temporary))
        archive.unpack(folder)
        code = _code(path, folder, paths)
        reader = ValueReader(folder, code)
        has_paths = any(value.may_hold_paths for stage in stages for value in stage.values())
        try:
            contents = Contents(
                stages={stage.name: _target(stage, reader, code) for stage in stages},
                edges=edges,
                parameters={
                    f"{stage.name}{SEPARATOR}{name}": reader.read(value)
                    for stage in stages
                    for name, value in stage.parameters.items()
                },
                states={
                    stage.name: FittedState(_state(stage.state, reader), None)
                    for stage in stages
                    if stage.state is not None
                },
                folder=temporary if has_paths else None,
            )
        except BaseException as error:
            error.add_note(f"This is from loading {path}.")
            raise
        if has_paths:
            unpacked.pop_all()
        return contents


def _stored_stage(stage: StageDefinition, fitted: Fitted, modules: ProjectModules, writer: ValueWriter) -> StoredStage:
    reference = modules.reference(stage.code)
    if reference is None:
        raise PipelineError(
            f"stage {stage.name}: {stage.code.__module__} has no {stage.code.__qualname__} that could be imported from "
            "it. A stage that is to be saved stands at the top level of a file."
        )
    is_own = not (stage.is_function or stage.is_made)
    state = fitted.states.get(stage.name)
    return StoredStage(
        name=stage.name,
        target=reference,
        parameters={
            name: writer.write_parameter(value, f"parameter {name} of {stage.name}")
            for name, value in ({} if is_own else fitted.wiring.parameters[stage.name]).items()
        },
        own=_written(stage, state_in(stage.target), writer) if is_own else None,
        state=None if state is None else _written(stage, state.value, writer),
    )


def _written(stage: StageDefinition, state: Any, writer: ValueWriter) -> StoredState:
    is_whole = stage.code.__getstate__ is not object.__getstate__
    attributes = {"": state} if is_whole else state
    return StoredState(
        values={
            name: writer.write(value, f"{name or 'the state'} of {stage.name}") for name, value in attributes.items()
        },
        is_whole=is_whole,
    )


def _state(stored: StoredState, reader: ValueReader) -> Any:
    values = {name: reader.read(value) for name, value in stored.values.items()}
    return values[""] if stored.is_whole else values


def _target(stage: StoredStage, reader: ValueReader, code: ArchivedCode) -> Any:
    if stage.target.is_archived:
        target = code.found(stage.target.module, stage.target.name)
    else:
        target = import_module(stage.target.module)
        for part in stage.target.name.split("."):
            target = getattr(target, part)
    return target if stage.own is None else restored(target, {}, _state(stage.own, reader))


def _code(path: Path, folder: Path, paths: Mapping[str, str]) -> ArchivedCode:
    try:
        sources = {
            name: Source(text=(folder / "code" / file).read_text("utf-8"), is_package=file.endswith("__init__.py"))
            for name, file in paths.items()
        }
    except (OSError, ValueError) as error:
        raise ArchiveError(path, f"the source of a module is missing in it ({error}).") from error
    return ArchivedCode(sources, path.absolute()).installed()


def _check_packages(path: Path, packages: list[Package]) -> None:
    missing = missing_packages(packages)
    if missing:
        wanted = [package.name + (f"=={package.version}" if package.version else "") for package in missing]
        raise ArchiveError(
            path,
            f"it needs packages that are not installed here: {', '.join(wanted)}. Install them: "
            f"pip install {' '.join(wanted)}",
        )


def _warn_of_differences(path: Path, versions: Mapping[str, str], packages: list[Package]) -> None:
    differing = [
        f"{what} was {versions[what]}, is {here}"
        for what, here in _versions().items()
        if versions[what].split(".")[:2] != here.split(".")[:2]
    ] + differing_packages(packages)
    if differing:
        warnings.warn(
            f"{path}: what it needs is here in other versions than where it was saved: {'; '.join(differing)}. "
            "What it makes may differ, too.",
            stacklevel=4,
        )


def _check_pickles(path: Path, stages: list[StoredStage], *, trust: bool) -> None:
    try:
        pickled = [value for stage in stages for value in stage.values() if value.needs_trust]
    except LookupError as error:
        raise ArchiveError(path, f"it was saved with a serializer that is not here: {error}.") from error
    if pickled and not trust:
        raise NotTrusted(
            path,
            f"it holds pickles, and loading a pickle runs whatever it says: "
            f"{', '.join(f'{value.what} ({value.type})' for value in pickled)}. "
            "If you trust who made the file: Pipeline.load(path, trust=True).",
        )


def _plain(edge: Edge) -> Edge:
    return edge if isinstance(edge, str) else dict(edge) if isinstance(edge, Mapping) else list(edge)


def _versions() -> dict[str, str]:
    return {"python": ".".join(map(str, sys.version_info[:3])), "mlpipeline": __version__}


def _stored_values(values: Mapping[str, Any]) -> dict[str, StoredValue]:
    return {name: StoredValue(**value) for name, value in values.items()}


def _stored_state(value: Mapping[str, Any] | None) -> StoredState | None:
    if value is None:
        return None
    return StoredState(values=_stored_values(value["values"]), is_whole=value["is_whole"])
