"""A stage as its script defines it: what it takes, what it makes, and how to call it."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mlpipeline.authoring.stages import (
    Artifact,
    Input,
    Primary,
    Stage,
    StageMark,
    artifact_name,
    snake_case,
    stage_mark,
)
from mlpipeline.domain.names import check_name
from mlpipeline.errors import PipelineError
from mlpipeline.pipelines.returned_keys import returned_keys

#: An argument of `run`, of `fit` or of a function that comes from the run, and is no artifact.
FROM_RUN = "run"
#: Stands between a stage and its parameter, and between it and what mlpipeline adds to it.
SEPARATOR = "."
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, kw_only=True)
class Argument:
    """One argument of a stage's `run` or `fit`, or of its function."""

    name: str
    #: What the artifact is called that it takes by its signature: a marker class's name, else its own.
    artifact: str
    has_default: bool


@dataclass(frozen=True, kw_only=True)
class StageDefinition:
    """One stage as its script defines it."""

    name: str
    #: A class, a function, or an object that the script has made of a class.
    target: Any
    mark: StageMark

    @classmethod
    def of(cls, target: Any, name: str | None = None) -> StageDefinition:
        """The definition of what a script gives as a stage.

        Args:
            target: a class with a method `run`, an object of one, or a function.
            name: of the stage; None for the one that it was marked with.

        Raises:
            PipelineError: it is none of these.
            InvalidName: its name cannot be part of a path.
        """
        kind = target if inspect.isclass(target) or inspect.isroutine(target) else type(target)
        mark = stage_mark(kind) or StageMark()
        own = snake_case(kind.__name__) if inspect.isclass(kind) else getattr(kind, "__name__", "stage")
        definition = cls(name=checked_stage_name(name or mark.name or own), target=target, mark=mark)
        if not inspect.isroutine(target) and not hasattr(kind, "run") and not definition.is_input:
            raise PipelineError(f"stage {definition.name}: {kind.__name__} has no method `run`.")
        return definition

    @property
    def is_function(self) -> bool:
        """Whether it is a function, whose parameters are those of its arguments that no stage makes."""
        return inspect.isroutine(self.target)

    @property
    def is_input(self) -> bool:
        """Whether its value is handed in."""
        return isinstance(self.target, Input) or (inspect.isclass(self.target) and issubclass(self.target, Input))

    @property
    def is_primary(self) -> bool:
        """Whether it has a parent for training and one for everything else."""
        return isinstance(self.target, Primary) or (inspect.isclass(self.target) and issubclass(self.target, Primary))

    @property
    def can_fit(self) -> bool:
        """Whether it has a state."""
        return not self.is_function and callable(getattr(self._kind, "fit", None))

    @property
    def _kind(self) -> Any:
        return self.target if inspect.isclass(self.target) or self.is_function else type(self.target)

    @property
    def code(self) -> Any:
        """The class or function whose code is the stage's."""
        return self._kind

    @cached_property
    def run_arguments(self) -> tuple[Argument, ...]:
        """What `run`, or the function, takes; of an input nothing."""
        if self.is_input:
            return ()
        return _arguments(self._kind if self.is_function else self._kind.run, is_method=not self.is_function)

    @cached_property
    def fit_arguments(self) -> tuple[Argument, ...]:
        """What `fit` takes; nothing where there is none."""
        return _arguments(self._kind.fit, is_method=True) if self.can_fit else ()

    @cached_property
    def constructor(self) -> Mapping[str, inspect.Parameter]:
        """The arguments of its constructor, which are its parameters; of a function there are none."""
        if self.is_function or "__init__" not in dir(self._kind) or self._kind.__init__ is object.__init__:
            return {}
        _, *arguments = inspect.signature(self._kind.__init__).parameters.values()
        return {argument.name: argument for argument in arguments if argument.kind in _BY_NAME}

    @cached_property
    def given(self) -> Mapping[str, Any]:
        """What the script gave its constructor, by name."""
        if not isinstance(self.target, Stage) or not self.constructor:
            return {}
        positional, named = self.target._given
        return inspect.signature(type(self.target)).bind(*positional, **named).arguments

    def outputs(self, *, by_edges: bool) -> tuple[str, ...]:
        """What the artifacts are called that it makes.

        Raises:
            PipelineError: neither `outputs` nor its syntax says so.
        """
        if self.mark.outputs is not None:
            names = tuple(named(output) for output in self.mark.outputs)
        elif self.is_function or by_edges or self.is_input or self.is_primary:
            names = (self.name,)
        else:
            names = returned_keys(self._kind.run, self.name)
        for name in names:
            checked_stage_name(name, "artifact")
        return names

    def built(self, parameters: Mapping[str, Any]) -> Any:
        """An object of its class, made with these values; a copy of the script's own where it can be no other."""
        if inspect.isclass(self.target) or isinstance(self.target, Stage):
            return self._kind(**{**self.given, **parameters})
        return copy.deepcopy(self.target)


def named(output: str | type[Artifact]) -> str:
    """What an artifact is called that is given by name or by its marker class."""
    return output if isinstance(output, str) else artifact_name(output)


def checked_stage_name(name: str, what: str = "stage") -> str:
    """Return the name of a stage or an artifact.

    Raises:
        InvalidName: it cannot be part of a path.
        PipelineError: it holds a full stop.
    """
    check_name(name, f"{what} name")
    if SEPARATOR in name:
        raise PipelineError(
            f'{what} "{name}": a full stop stands between a stage and its parameter. Use an underscore.'
        )
    return name


def _arguments(function: Callable[..., Any], *, is_method: bool) -> tuple[Argument, ...]:
    parameters = list(inspect.signature(function).parameters.values())[int(is_method) :]
    markers = _markers(function)
    return tuple(
        Argument(
            name=parameter.name,
            artifact=markers.get(parameter.name, parameter.name),
            has_default=parameter.default is not parameter.empty,
        )
        for parameter in parameters
        if parameter.kind in _BY_NAME
    )


def _markers(function: Callable[..., Any]) -> dict[str, str]:
    """Return the artifacts that arguments stand for by a marker class in their annotation."""
    try:
        annotations = inspect.get_annotations(function, eval_str=True)
    except Exception:  # A name that is there for type checkers only.
        annotations = inspect.get_annotations(function)
    return {
        name: artifact_name(annotation)
        for name, annotation in annotations.items()
        if isinstance(annotation, type) and issubclass(annotation, Artifact)
    }


def collected(namespace: Mapping[str, Any]) -> list[StageDefinition]:
    """Return the stages among the values of a module's names, in order, each once."""
    found: dict[int, Any] = {id(value): value for value in list(namespace.values()) if stage_mark(value) is not None}
    return [StageDefinition.of(target) for target in found.values()]


def defined(stages: Mapping[str, Any] | Iterable[Any]) -> list[StageDefinition]:
    """Return the stages that a script gives by name, or in a list."""
    if isinstance(stages, Mapping):
        return [StageDefinition.of(target, name) for name, target in stages.items()]
    return [StageDefinition.of(target) for target in stages]
