"""Calling a stage: what it gets, and what becomes of what it returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlpipeline.errors import PipelineError
from mlpipeline.pipelines.definitions import FROM_RUN, named
from mlpipeline.pipelines.states import restored, state_of
from mlpipeline.pipelines.wiring import Action, Step

if TYPE_CHECKING:
    from mlpipeline.authoring.run import Run


def call(step: Step, inputs: Mapping[str, Any], run: Run | None) -> dict[str, Any]:
    """Have a step done, and return the artifacts that it made, by name.

    Args:
        step: whose stage is called.
        inputs: argument -> value, and the state by the name of its artifact.
        run: what a stage gets that takes `run`.

    Raises:
        PipelineError: what it returned is not what it is to make.
        BaseException: whatever it raises.
    """
    arguments = {name: value for name, value in inputs.items() if name != step.state}
    if any(argument.name == FROM_RUN for argument in step.stage.run_arguments):
        arguments[FROM_RUN] = run
    if step.stage.is_function:
        return handed_on(step.stage.target(**arguments, **step.parameters), step.makes, step.name)
    if step.state is not None:
        made = restored(step.stage.code, step.parameters, inputs[step.state])
    else:
        made = step.stage.built(step.parameters)
    if step.action is Action.FIT:
        made.fit(**arguments)
        return {step.makes[0]: state_of(made)}
    return handed_on(made.run(**arguments), step.makes, step.name)


def handed_on(returned: Any, makes: Sequence[str], stage: str) -> dict[str, Any]:
    """Return the artifacts, by name, of what a stage returned.

    Raises:
        PipelineError: it is not what the stage is to make.
    """
    if isinstance(returned, Mapping):
        by_name = {named(key) if isinstance(key, str | type) else str(key): value for key, value in returned.items()}
        if set(by_name) == set(makes):
            return {name: by_name[name] for name in makes}
    if len(makes) == 1:
        return {makes[0]: returned}
    raise PipelineError(f"{stage} returned {type(returned).__name__}; it is to return a dict of {', '.join(makes)}.")
