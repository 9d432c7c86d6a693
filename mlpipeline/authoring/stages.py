"""What a script says of the stages of its pipeline, and of the artifacts that they hand on."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard, TypeVar, overload

from mlpipeline.errors import PipelineError

T = TypeVar("T", bound=Callable[..., Any])
A = TypeVar("A", bound="type[Artifact]")

_STAGE = "__mlpipeline_stage__"
_ARTIFACT = "__mlpipeline_artifact__"


@dataclass(frozen=True, kw_only=True)
class StageMark:
    """What `@stage` was told of a class or a function."""

    #: None: the name of the function, or the snake_case of the class's.
    name: str | None = None
    #: What the artifacts are called; None: what the syntax shows.
    outputs: tuple[str | type[Artifact], ...] | None = None
    is_cached: bool = True
    #: What stands for the code in the cache's key; None: the code itself.
    version: str | None = None


@overload
def stage(name: T, /) -> T: ...
@overload
def stage(
    name: str | None = None,
    /,
    *,
    outputs: str | type[Artifact] | Sequence[str | type[Artifact]] | None = None,
    cache: bool = True,
    version: object = None,
) -> Callable[[T], T]: ...
def stage(
    name: Any = None,
    /,
    *,
    outputs: str | type[Artifact] | Sequence[str | type[Artifact]] | None = None,
    cache: bool = True,
    version: object = None,
) -> Any:
    """Mark a class with a method `run`, or a function, as a stage; it stays what it was.

        @stage("train_model")
        class TrainModel:
            def __init__(self, epochs: int = 3):
                self.epochs = epochs

            def run(self, train_data):
                return {"model_weights": fit(train_data, self.epochs)}

        @stage
        def accuracy(model_weights, test_data) -> float: ...

    The arguments of `run`, or of the function, are called as the artifacts are that they take, or their annotations
    are marker classes. Those of the constructor, and those of a function that no stage makes, are parameters.

    Args:
        name: of the stage; without it that of the function, or the snake_case of the class's.
        outputs: the names, or marker classes, of the artifacts that it returns in a dict; of a single one, the value
            itself. Without it, those of a class are the keys of the literal dicts that its `run` returns, and that of
            a function bears the stage's name.
        cache: False for a stage that must run every time, as one that asks a server.
        version: stands for the code in the cache's key, for code that cannot be read: change it by hand.
    """
    if isinstance(name, str) or name is None:
        mark = StageMark(
            name=name,
            outputs=None if outputs is None else _checked_outputs(outputs),
            is_cached=cache,
            version=None if version is None else str(version),
        )
        return lambda target: _marked(target, mark)
    return _marked(name, StageMark())


def stage_mark(target: object) -> StageMark | None:
    """What `@stage` was told of a class or function; None if it was not marked. A subclass is marked anew."""
    mark = getattr(target, "__dict__", {}).get(_STAGE)
    return mark if isinstance(mark, StageMark) else None


def no_stage_because(target: object) -> str | None:
    """Why a class, a function or an object can be no stage, and what to do; None where it can."""
    called = getattr(target, "__qualname__", f"an object of {type(target).__qualname__}")
    if isinstance(target, functools.partial):
        return "a partial has neither a name nor code of its own; write a function, or make its values parameters"
    if inspect.ismethod(target) or isinstance(target, staticmethod | classmethod | property) or _is_method(target):
        return f"{called} is a method, which is nothing without its object; mark its class, or make it a function"
    functions = [target] if inspect.isroutine(target) else [getattr(target, name, None) for name in ("fit", "run")]
    for function in map(inspect.unwrap, filter(callable, functions)):
        of = getattr(function, "__qualname__", called)
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            return f"{of} is async, and stages are called one after another; have it `asyncio.run` what it awaits"
        if inspect.isgeneratorfunction(function):
            return f"{of} yields, and what it makes could be read once only; return a list"
    return None


def _is_method(target: object) -> bool:
    """Whether it is a function that stands in a class and takes the object."""
    code = getattr(target, "__code__", None)
    outer, _, _ = getattr(target, "__qualname__", "").rpartition(".")
    is_in_class = bool(outer) and not outer.endswith("<locals>")
    return code is not None and is_in_class and code.co_varnames[:1] in (("self",), ("cls",))


def _marked(target: T, mark: StageMark) -> T:
    why = no_stage_because(target)
    if why is not None:
        raise PipelineError(f"@stage: {why}.")
    if not (inspect.isclass(target) or inspect.isroutine(target)):
        raise PipelineError(
            f"@stage marks a class or a function, and this is an object of {type(target).__qualname__}. "
            "Give objects in Pipeline(stages={…})."
        )
    try:
        setattr(target, _STAGE, mark)
    except (AttributeError, TypeError) as error:
        raise PipelineError(
            f"@stage cannot mark {getattr(target, '__qualname__', target)}, which is not written in Python. "
            "Give it in Pipeline(stages={…}), or call it in a function of your own."
        ) from error
    return target


def _checked_outputs(outputs: object) -> tuple[str | type[Artifact], ...]:
    if isinstance(outputs, str) or inspect.isclass(outputs):
        outputs = [outputs]
    if not isinstance(outputs, list | tuple):
        raise PipelineError(
            f"@stage(outputs=…) is a {type(outputs).__name__}; it is to be a list of names or of marker classes."
        )
    if not outputs:
        raise PipelineError(
            "@stage(outputs=[]): a stage that makes nothing never runs, as nothing needs it. Name what it makes."
        )
    for output in outputs:
        if not isinstance(output, str) and not is_marker(output):
            raise PipelineError(
                f"@stage(outputs=…): {getattr(output, '__qualname__', repr(output))} is neither a name nor a class "
                "that inherits from Artifact."
            )
    names = [output_name(output) for output in outputs]
    for name in names:
        if names.count(name) > 1:
            raise PipelineError(f'@stage(outputs=…) names "{name}" twice.')
    return tuple(outputs)


class Stage:
    """A stage that may learn: what its `fit` leaves in `self` is its state, which `run` finds there again.

        class Imputer(Stage):
            def fit(self, X):
                self.means = X.mean()

            def run(self, X):
                return X.fillna(self.means)

    `fit` may take more than `run`, such as labels. A stage without `fit` has no state.
    """

    # What the constructor was given: not in `__dict__`, which is the state.
    __slots__ = ("__dict__", "__weakref__", "_given")

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Make one, and keep what it is made with: a version may have other values for that."""
        if (args or kwargs) and cls.__init__ is object.__init__:
            # Python lets these pass, as there is a `__new__` that takes them.
            raise TypeError(f"{cls.__name__}() takes no arguments: it has no __init__")
        made = super().__new__(cls)
        made._given = (args, kwargs)
        return made

    _given: tuple[tuple[Any, ...], dict[str, Any]]


class Input(Stage):
    """A place in a pipeline for what is handed in: `pipeline.run({"test_input": data})`."""


class Primary(Stage):
    """Where the data come in: its `train` parent in `fit` and `fit_run`, its `test` parent in `run`.

    Its edge is `{"train": <name>, "test": <name>}`.
    """

    def run(self, data: Any) -> Any:
        """Return what the parent made."""
        return data


class Artifact:
    """A marker that stands for an artifact in annotations and in `outputs`, where a rename and a type checker see it.

    With `save` and `load`, static methods, it is stored by them:

        @artifact("weights")
        class Weights(Artifact):
            @staticmethod
            def save(value, folder): ...

            @staticmethod
            def load(folder): ...

    Both get a folder; `save` is to leave everything in it.
    """

    save: Callable[[Any, Path], None] | None = None
    load: Callable[[Path], Any] | None = None


def artifact(name: str) -> Callable[[A], A]:
    """Say what the artifact is called that a marker class stands for; otherwise it is the snake_case of its name."""
    if not isinstance(name, str):
        raise PipelineError('@artifact takes the name of the artifact: @artifact("weights").')

    def named(marker: A) -> A:
        if not is_marker(marker):
            raise PipelineError(f'@artifact("{name}") marks a class that inherits from Artifact, as its marker.')
        setattr(marker, _ARTIFACT, name)
        return marker

    return named


def is_marker(value: object) -> TypeGuard[type[Artifact]]:
    """Whether it is a marker class."""
    return isinstance(value, type) and issubclass(value, Artifact)


def artifact_name(marker: type[Artifact]) -> str:
    """What the artifact is called that a marker class stands for."""
    return str(vars(marker).get(_ARTIFACT, snake_case(marker.__name__)))


def output_name(output: str | type[Artifact]) -> str:
    """What an artifact is called that is given by name or by its marker class."""
    return output if isinstance(output, str) else artifact_name(output)


def snake_case(name: str) -> str:
    """`TrainModel` as `train_model`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
