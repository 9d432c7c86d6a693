"""A model that is one function, called with the parameters of its version."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpipeline.authoring.version import Version, check_seed, listed, spelled
from mlpipeline.authoring.versions import Versions, checked_versions
from mlpipeline.domain.values import qualified_name
from mlpipeline.domain.words import did_you_mean
from mlpipeline.errors import VersionsError

if TYPE_CHECKING:
    from mlpipeline.authoring.run import Run

#: Arguments that come from the run; `seed` may also be a version's parameter, and is then the run's.
_FROM_RUN = ("model_dir", "run", "seed")


class FunctionModel:
    """The short form of a model: `MODEL = FunctionModel(train, versions)`.

        def train(lr, epochs, *, model_dir, run):
            ...
            return {"accuracy": 0.97}

    The arguments of `train` come by name from the version; `model_dir` (a Path), `run` and `seed` come from
    the run, if the function takes them. The dict it returns is the results.

    Args:
        train: the function.
        versions: what to train; every version is a run of its own, in a process of its own.

    Raises:
        VersionsError: `train` cannot be called by name, or `versions` is not a `Versions` object.
    """

    def __init__(self, train: Callable[..., Any], versions: Versions) -> None:
        if not callable(train):
            raise VersionsError(
                f"FunctionModel: train must be a function, not {type(train).__name__}. "
                "Give the function itself, without calling it: `FunctionModel(train, versions)`."
            )
        self.train = train
        self.versions = checked_versions(versions, "FunctionModel")
        self._name = qualified_name(train if hasattr(train, "__qualname__") else type(train))
        self._arguments = _arguments_by_name(train, self._name)

    def check_version(self, version: Version) -> None:
        """See that version and function fit.

        Raises:
            VersionsError: no argument takes a parameter, so a typo never trains with the default; or an
                argument without a default has no parameter; or a parameter has a name that is the run's;
                or the seed is no whole number.
        """
        check_seed(version)
        parameters = version.own_parameters()
        where = f'version "{version.name}"'
        for key in ("model_dir", "run"):
            if key in parameters:
                raise VersionsError(f'{where}: "{key}" comes from the run: call the parameter otherwise.')
        takers = {spelled(name) for name in self._by_keyword}
        unused = [key for key in parameters if key not in takers and key != "seed"]
        if unused and not self._takes_all:
            free = [name for name in self._by_keyword if name not in _FROM_RUN]
            raise VersionsError(
                f'{where}: "{unused[0]}" is no argument of {self._name}, which takes {listed(free)}.'
                f"{did_you_mean(unused[0], free)}"
            )
        for name, argument in self._by_keyword.items():
            if argument.default is argument.empty and name not in _FROM_RUN and spelled(name) not in parameters:
                raise VersionsError(
                    f'{where}: {self._name} needs "{name}", which the version does not have; it has '
                    f"{listed(parameters)}.{did_you_mean(name, parameters)}"
                )

    def arguments(self, version: Version, *, model_dir: Path, run: Run, seed: int) -> dict[str, Any]:
        """What to call `train` with, by name, for a version that was checked."""
        from_run = {"model_dir": model_dir, "run": run, "seed": seed}
        left = version.own_parameters()
        arguments: dict[str, Any] = {}
        for name in self._by_keyword:
            if name in from_run:
                arguments[name] = from_run[name]
            elif spelled(name) in left:
                arguments[name] = left[spelled(name)]
        if self._takes_all:
            taken = {spelled(name) for name in arguments}
            arguments |= {key: value for key, value in left.items() if key not in taken and key != "seed"}
        return arguments

    @property
    def _by_keyword(self) -> dict[str, inspect.Parameter]:
        return {
            name: argument
            for name, argument in self._arguments.items()
            if argument.kind in (argument.POSITIONAL_OR_KEYWORD, argument.KEYWORD_ONLY)
        }

    @property
    def _takes_all(self) -> bool:
        return any(argument.kind is argument.VAR_KEYWORD for argument in self._arguments.values())


def _arguments_by_name(train: Callable[..., Any], name: str) -> Mapping[str, inspect.Parameter]:
    """The arguments of `train`, all of which can be given by name.

    Raises:
        VersionsError: one cannot, or nothing is known about them.
    """
    try:
        arguments = inspect.signature(train).parameters
    except (TypeError, ValueError) as error:
        raise VersionsError(
            f"FunctionModel: the arguments of {name} cannot be read: {error}. Wrap it in a function of your own."
        ) from error
    nameless = [key for key, argument in arguments.items() if argument.kind is argument.POSITIONAL_ONLY]
    if nameless:
        raise VersionsError(
            f"FunctionModel: {name} takes {listed(nameless)} by position only, but arguments are given "
            "by name. Remove the `/` from its signature."
        )
    return arguments
