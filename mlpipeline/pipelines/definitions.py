"""A stage as its script defines it: what it takes, what it makes, and how to call it."""

from __future__ import annotations

import copy
import dataclasses
import inspect
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mlpipeline.authoring.stages import (
    Artifact,
    Input,
    Primary,
    Stage,
    StageMark,
    is_marker,
    no_stage_because,
    output_name,
    snake_case,
    stage_mark,
)
from mlpipeline.domain.names import check_name
from mlpipeline.errors import InvalidName, PipelineError
from mlpipeline.pipelines.returned_keys import KeysUnknown, returned_keys, returned_markers
from mlpipeline.pipelines.signatures import Argument, Unfit, arguments_of, constructor_arguments

#: An argument of `run`, of `fit` or of a function that comes from the run, and is no artifact.
FROM_RUN = "run"
#: Stands between a stage and its parameter, and between it and what mlpipeline adds to it.
SEPARATOR = "."


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """What a stage makes."""

    #: Of the artifacts, in order.
    names: tuple[str, ...]
    #: Whether they were named, so that it returns a dict by name, or the value of the only one; otherwise whatever it
    #: returns is its one artifact.
    is_named: bool


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
            PipelineError: it is none of these, or its name cannot be part of a path.
        """
        kind = _kind(target)
        mark = stage_mark(kind) or StageMark()
        own = name if name is not None else mark.name
        if own is None:
            own = snake_case(kind.__name__) if inspect.isclass(kind) else getattr(kind, "__name__", "")
        definition = cls(name=own, target=target, mark=mark)
        why = no_stage_because(target)
        if why is None and own == "<lambda>":
            why = 'a lambda has no name; give it one: Pipeline(stages={"name": lambda …: …})'
        if why is None and inspect.isclass(kind) and not definition.is_input and not hasattr(kind, "run"):
            why = f"{kind.__qualname__} has no method `run`"
            why += "; it is no function and no class with one" if kind.__module__ == "builtins" else ""
        if why is not None:
            raise PipelineError(f"{definition.title}: {why}.")
        if (wrong := _wrong_name(own)) is not None:
            place = _place(kind)
            raise PipelineError(f"{place and f'{place}: '}the name of a stage: {wrong}")
        return definition

    @cached_property
    def title(self) -> str:
        """How errors call it: `stage train (net.py:12)`. That takes long to find out: for errors only."""
        place = _place(self._kind)
        return f"stage {self.name}{place and f' ({place})'}"

    @property
    def is_function(self) -> bool:
        """Whether it is a function, whose parameters are those of its arguments that no stage makes."""
        return inspect.isroutine(self.target)

    @property
    def is_input(self) -> bool:
        """Whether its value is handed in."""
        return inspect.isclass(self._kind) and issubclass(self._kind, Input)

    @property
    def is_primary(self) -> bool:
        """Whether it has a parent for training and one for everything else."""
        return inspect.isclass(self._kind) and issubclass(self._kind, Primary)

    @property
    def markers(self) -> Iterator[type[Artifact]]:
        """The marker classes that it names: of what it takes, and of what it makes."""
        for argument in (*self.run_arguments, *self.fit_arguments):
            if argument.marker is not None:
                yield argument.marker
        if self.mark.outputs is not None:
            yield from filter(is_marker, self.mark.outputs)
        elif not (self.is_function or self.is_input):
            with suppress(KeysUnknown):
                yield from returned_markers(self._kind.run)

    @property
    def can_fit(self) -> bool:
        """Whether it has a state."""
        return not self.is_function and callable(getattr(self._kind, "fit", None))

    @property
    def code(self) -> Any:
        """The class or function whose code is the stage's."""
        return self._kind

    @property
    def _kind(self) -> Any:
        return _kind(self.target)

    @cached_property
    def run_arguments(self) -> tuple[Argument, ...]:
        """What `run`, or the function, takes; of an input nothing."""
        if self.is_input:
            return ()
        return self._taken_by("run")

    @cached_property
    def fit_arguments(self) -> tuple[Argument, ...]:
        """What `fit` takes; nothing where there is none."""
        return self._taken_by("fit") if self.can_fit else ()

    def _taken_by(self, method: str) -> tuple[Argument, ...]:
        try:
            if self.is_function:
                return arguments_of(self.target)
            is_method = not isinstance(inspect.getattr_static(self._kind, method), staticmethod | classmethod)
            return arguments_of(getattr(self._kind, method), is_method=is_method)
        except Unfit as error:
            raise PipelineError(f"{self.title}: {'it' if self.is_function else f'its `{method}`'} {error}.") from error

    @cached_property
    def constructor(self) -> tuple[Argument, ...]:
        """The arguments of its constructor, which are its parameters; none of a function, or where it is not called."""
        if self.is_function or not self.is_made:
            return ()
        try:
            return constructor_arguments(self._kind)
        except Unfit as error:
            raise PipelineError(f"{self.title}: its constructor {error}.") from error

    @cached_property
    def defaults(self) -> Mapping[str, Any]:
        """What the arguments of its constructor, or of its function, are where nobody says anything."""
        fields = dataclasses.fields(self._kind) if dataclasses.is_dataclass(self._kind) else ()
        # Made anew by each call: what they are is for the code to say.
        made_anew = {field.name for field in fields if field.default_factory is not dataclasses.MISSING}
        return {
            argument.name: argument.default
            for argument in (self.run_arguments if self.is_function else self.constructor)
            if argument.has_default and argument.name != FROM_RUN and argument.name not in made_anew
        }

    @cached_property
    def given(self) -> Mapping[str, Any]:
        """What the script gave its constructor, by name; of an object that tells nothing of that, all that it holds."""
        if inspect.isclass(self.target) or self.is_function:
            return {}
        if isinstance(self.target, Stage):
            return _by_name(self.target, self.constructor)
        if self.is_made:
            return {argument.name: getattr(self.target, argument.name) for argument in self.constructor}
        held = self.target.__getstate__() or {}
        return held if isinstance(held, dict) else {"self": held}

    @property
    def is_made(self) -> bool:
        """Whether each call is of a new object: the script gave a class, or an object that tells how it was made."""
        target = self.target
        if inspect.isclass(target) or isinstance(target, Stage):
            return True
        names = inspect.signature(type(target)).parameters if dataclasses.is_dataclass(target) else ()
        return bool(names) and all(hasattr(target, name) for name in names)

    def outputs(self, *, by_edges: bool) -> Outputs:
        """What it makes.

        Args:
            by_edges: whether others take it by its name, so that its own will do where the syntax says nothing.

        Raises:
            PipelineError: neither `outputs` nor its syntax says so.
        """
        if self.mark.outputs is not None:
            outputs = Outputs(names=tuple(map(output_name, self.mark.outputs)), is_named=True)
        elif self.is_function or self.is_input or self.is_primary:
            outputs = self.only_itself
        else:
            try:
                outputs = Outputs(names=returned_keys(self._kind.run), is_named=True)
            except KeysUnknown as error:
                if not by_edges:
                    raise PipelineError(
                        f"{self.title}: what it makes is not known, as {error}. Say it: @stage(outputs=[…])."
                    ) from error
                outputs = self.only_itself
        for name in outputs.names:
            if (wrong := _wrong_name(name)) is not None:
                raise PipelineError(f"{self.title}: what it makes: {wrong}")
            if name == FROM_RUN:
                raise PipelineError(
                    f'{self.title}: no stage could take an artifact called "{FROM_RUN}": '
                    "an argument of that name gets the run of the queue. Call it otherwise."
                )
        return outputs

    @property
    def only_itself(self) -> Outputs:
        """One artifact, called as the stage is."""
        return Outputs(names=(self.name,), is_named=False)

    def built(self, parameters: Mapping[str, Any]) -> Any:
        """An object of its class, made with these values; where the script's can only be copied, that."""
        if not self.is_made:
            return copy.deepcopy(self.target)
        return self._kind(**{**self.given, **parameters})


def _kind(target: Any) -> Any:
    """The class or function of what a script gives as a stage."""
    return target if inspect.isclass(target) or inspect.isroutine(target) else type(target)


def _place(kind: Any) -> str:
    """Where a class or function stands: `models/net.py:12`; nothing where that is not known."""
    kind = inspect.unwrap(kind)
    if kind in (Input, Primary):
        return ""  # They are nothing that the user wrote.
    try:
        file = Path(inspect.getsourcefile(kind) or "")
        line = inspect.getsourcelines(kind)[1]
    except (OSError, TypeError, IndexError):
        return ""
    shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
    return f"{shown}:{line}"


def _wrong_name(name: object) -> str | None:
    """What is wrong with the name of a stage or of an artifact, and what to do; None where nothing is."""
    if not isinstance(name, str):
        return f"a name is a text, and {name!r} is none."
    try:
        check_name(name, "name")
    except InvalidName as error:
        return f"{error}."
    if SEPARATOR in name:
        better = name.strip(SEPARATOR).replace(SEPARATOR, "_")
        return f'the name "{name}" holds a full stop, which stands between a stage and its parameter. Say "{better}".'
    return None


def _by_name(made: Stage, constructor: Iterable[Argument]) -> dict[str, Any]:
    """What a stage's constructor was given, by the names of its arguments."""
    positional, named = made._given
    names = [argument.name for argument in constructor if not argument.is_rest]
    return {**dict(zip(names, positional, strict=False)), **named}


def marked_stages(namespace: Mapping[str, Any]) -> list[StageDefinition]:
    """Return the stages among the values of a module's names, in order, each once."""
    found: dict[int, Any] = {id(value): value for value in list(namespace.values()) if stage_mark(value) is not None}
    return [StageDefinition.of(target) for target in found.values()]


def defined(stages: Mapping[str, Any] | Iterable[Any]) -> list[StageDefinition]:
    """Return the stages that a script gives by name, or in a list.

    Raises:
        PipelineError: it gives something else.
    """
    if isinstance(stages, Mapping):
        return [StageDefinition.of(target, name) for name, target in stages.items()]
    if isinstance(stages, str) or not isinstance(stages, Iterable):
        raise PipelineError(
            f"the stages are a {type(stages).__name__}; they are to be a list of classes, functions or objects, or a "
            "dict of them by name."
        )
    return [StageDefinition.of(target) for target in stages]
