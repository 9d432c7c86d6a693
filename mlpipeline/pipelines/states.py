"""What a stage has learned: taken from the object that `fit` changed, given to each object that runs."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlpipeline.authoring.stages import Stage
from mlpipeline.pipelines.copies import Original
from mlpipeline.pipelines.wiring import Wiring


class FittedState(Original):
    """What one stage has learned, for many runs."""

    def __init__(self, value: Any, digest: str | None) -> None:
        super().__init__(value)
        #: Of its content; None where that cannot be said.
        self.digest = digest


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A pipeline that has learned: the stages as they were then, and what each has learned."""

    wiring: Wiring
    #: Stage -> its state.
    states: Mapping[str, FittedState]


def state_in(made: Any) -> Any:
    """The state of an object: what its `__getstate__` says, else its attributes by name, in slots too."""
    kind: Any = type(made)
    if kind.__getstate__ is not object.__getstate__:
        return made.__getstate__()
    state = object.__getstate__(made)
    attributes, slots = state if isinstance(state, tuple) else (state, {})
    return {**(attributes or {}), **{name: value for name, value in slots.items() if name != "_given"}}


def restored(kind: Any, parameters: Mapping[str, Any], state: Any) -> Any:
    """An object that has this state: as in unpickling, its constructor does not run."""
    made = kind.__new__(kind)
    if isinstance(made, Stage):
        made._given = ((), dict(parameters))
    if hasattr(made, "__setstate__"):
        made.__setstate__(state)
        return made
    attributes, slots = state if isinstance(state, tuple) else (state, {})
    for name, value in {**(attributes or {}), **slots}.items():
        if inspect.ismemberdescriptor(getattr(kind, name, None)):
            object.__setattr__(made, name, value)
        else:
            vars(made)[name] = value
    return made
