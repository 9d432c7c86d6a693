"""What a script says of the stages of its pipeline, and of the artifacts that they hand on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, overload

from mlpipeline.errors import PipelineError

T = TypeVar("T", bound=Callable[..., Any])

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
    outputs: Iterable[str | type[Artifact]] | None = None,
    cache: bool = True,
    version: object = None,
) -> Callable[[T], T]: ...
def stage(
    name: Any = None,
    /,
    *,
    outputs: Iterable[str | type[Artifact]] | None = None,
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
            outputs=None if outputs is None else tuple([outputs] if isinstance(outputs, str) else outputs),
            is_cached=cache,
            version=None if version is None else str(version),
        )
        return lambda target: _marked(target, mark)
    return _marked(name, StageMark())


def stage_mark(target: object) -> StageMark | None:
    """What `@stage` was told of a class or function; None if it was not marked. A subclass is marked anew."""
    mark = getattr(target, "__dict__", {}).get(_STAGE)
    return mark if isinstance(mark, StageMark) else None


def _marked(target: T, mark: StageMark) -> T:
    if not callable(target):
        raise PipelineError(f"@stage marks a class or a function, not a {type(target).__name__}.")
    setattr(target, _STAGE, mark)
    return target


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


def artifact(name: str) -> Callable[[type[Artifact]], type[Artifact]]:
    """Say what the artifact is called that a marker class stands for; otherwise it is the snake_case of its name."""

    def named(marker: type[Artifact]) -> type[Artifact]:
        setattr(marker, _ARTIFACT, name)
        return marker

    return named


def artifact_name(marker: type[Artifact]) -> str:
    """What the artifact is called that a marker class stands for."""
    return str(vars(marker).get(_ARTIFACT, snake_case(marker.__name__)))


def snake_case(name: str) -> str:
    """`TrainModel` as `train_model`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
